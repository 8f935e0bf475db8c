/** Patterns of `matches`: RE2, run in linear time; here bounded in size, and compiled once to see that they are one. */
import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import type { CelNode } from './syntax.ts';

/** The engine's program grows with the pattern, and its run with program times text. */
const MAX_PATTERN_LENGTH = 256;

/** Repetitions are written out by the engine: `(a{100}){100}` is 10,000 instructions. */
const MAX_PATTERN_SIZE = 1000;

export interface PatternProblem {
  readonly message: string;
  readonly hint: string;
}

/** What is wrong with the argument of `matches`; null: nothing. */
export function patternProblem(argument: CelNode | undefined): PatternProblem | null {
  const text = argument?.kind === 'constant' ? argument.text : null;
  if (text === null) {
    return {
      message: 'the pattern of `matches` is not written out',
      hint: 'a pattern made of the request would be the caller’s: write it in quotes',
    };
  }
  if (text.length > MAX_PATTERN_LENGTH) {
    return {
      message: `the pattern has more than ${MAX_PATTERN_LENGTH} characters`,
      hint: 'use `startsWith`, `endsWith` or `in` for lists of texts',
    };
  }
  if (patternSize(text) > MAX_PATTERN_SIZE) {
    return {
      message: `the pattern stands for more than ${MAX_PATTERN_SIZE} characters, repetitions written out`,
      hint: 'use `+` or `*`, and `size()` for a length',
    };
  }
  const result = plan(environment, parse(`''.matches(${JSON.stringify(text)})`))({});
  if (!isCelError(result)) return null;
  return {
    message: `\`${text}\` is not a regular expression: ${result.message}`,
    hint: 'the syntax is RE2’s: no look-around and no back-references',
  };
}

const environment = celEnv({});

/** Characters of a pattern with its counted repetitions written out; what is malformed is found by the engine. */
export function patternSize(pattern: string): number {
  /** Of each open group: the size so far, and that of the last atom, which a repetition multiplies. */
  const open = [{ size: 0, last: 0 }];
  for (const [token] of pattern.matchAll(TOKENS)) {
    const group = open[open.length - 1]!;
    if (token === '(') open.push({ size: 0, last: 0 });
    else if (token === ')' && open.length > 1) {
      const { size } = open.pop()!;
      const around = open[open.length - 1]!;
      around.size += size;
      around.last = size;
    } else {
      const times = repetition(token);
      if (times === null) {
        group.size += 1;
        group.last = 1;
      } else {
        group.size += group.last * (times - 1);
        group.last *= times;
      }
    }
  }
  return open.reduce((sum, { size }) => sum + size, 0);
}

/** An escape, a class, a counted repetition, or one character. */
const TOKENS = /\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{\d+(?:,\d*)?\}|./gs;

function repetition(token: string): number | null {
  const match = /^\{(\d+)(?:,(\d*))?\}$/.exec(token);
  return match === null ? null : Math.max(1, Number(match[1]), Number(match[2] ?? 0));
}
