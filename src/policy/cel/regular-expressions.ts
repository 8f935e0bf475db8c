/**
 * The engine behind `matches`: RE2 in linear time. Linear in pattern times text, though, and a caller chooses
 * the text: so that product is bounded, and each pattern is compiled once.
 */
import { RE2JS } from '@bufbuild/re2';
import { CelEvaluationError } from './program.ts';
import { patternSize } from './pattern.ts';

/** Characters of the pattern (repetitions written out) times characters of the text: some ten milliseconds at most. */
export const MAX_MATCH_WORK = 2 ** 17;

/** Patterns are literals of the policies in force and of those before: far fewer. Past this they are made anew. */
const MAX_COMPILED = 10_000;

interface Matcher {
  test(text: string): boolean;
}

const compiled = new Map<string, Matcher>();

/** Throws what the engine throws for a pattern that is none. */
export function compilePattern(pattern: string): Matcher {
  let matcher = compiled.get(pattern);
  if (matcher === undefined) {
    const expression = RE2JS.compile(pattern);
    const size = Math.max(1, patternSize(pattern));
    matcher = {
      test(text) {
        if (size * text.length > MAX_MATCH_WORK) throw new CelEvaluationError('the text is too long for the pattern');
        return expression.test(text);
      },
    };
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(pattern, matcher);
  }
  return matcher;
}
