/** From what the schema found to what a person reads: code, message, hint and place. */
import type * as z from 'zod';
import type { Diagnostic, Position } from '../lib/diagnostic.ts';
import { closest } from '../lib/closest.ts';
import { keysAt, MOVED, settingPathText } from './settings.ts';

export interface Places {
  ofValue(path: readonly PropertyKey[]): Position;
  ofKey(path: readonly PropertyKey[]): Position;
}

/** One issue may be several problems: each unknown key is one. */
export function explainIssue(issue: z.core.$ZodIssue, places: Places): Diagnostic[] {
  const name = issue.path.length === 0 ? 'the configuration' : `\`${settingPathText(issue.path)}\``;
  const one = (code: string, message: string, hint: string): Diagnostic[] => [
    { severity: 'error', code, message, hint, position: places.ofValue(issue.path) },
  ];
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys.map((key) => unknownKey(key, issue.path, places));
    case 'invalid_type': {
      const expected = EXPECTED[issue.expected] ?? issue.expected;
      return issue.input === undefined
        ? one('missing-key', `${name} is missing`, `add it: ${expected}`)
        : one('wrong-type', `${name} must be ${expected}, not ${kindOf(issue.input)}`, `write ${expected}`);
    }
    case 'invalid_value': {
      const choices = issue.values.map(String);
      return typeof issue.input === 'string'
        ? one('bad-value', `${name} cannot be \`${issue.input}\``, choiceHint(issue.input, choices))
        : one('wrong-type', `${name} must be a text, not ${kindOf(issue.input)}`, choiceHint('', choices));
    }
    case 'too_small':
      return one('out-of-range', `${name} is ${sizeWords(issue.origin, 'few')}`, `at least ${String(issue.minimum)}`);
    case 'too_big':
      return one('out-of-range', `${name} is ${sizeWords(issue.origin, 'many')}`, `at most ${String(issue.maximum)}`);
    case 'custom': {
      const { code, hint } = issue.params ?? {};
      return one(
        typeof code === 'string' ? code : 'bad-value',
        `${name} ${issue.message}`,
        typeof hint === 'string' ? hint : 'see the configuration reference',
      );
    }
    default:
      return one('bad-value', `${name}: ${issue.message}`, 'see the configuration reference');
  }
}

const EXPECTED: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: '`true` or `false`',
  int: 'a whole number',
  number: 'a number',
  object: 'a map of keys',
  record: 'a map of keys',
  string: 'a text',
};

function kindOf(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  switch (typeof input) {
    case 'string':
      return 'a text';
    case 'number':
      return Number.isInteger(input) ? 'a number' : 'a number with a fraction';
    case 'boolean':
      return `\`${String(input)}\``;
    default:
      return 'a map of keys';
  }
}

function sizeWords(origin: string, side: 'few' | 'many'): string {
  if (origin === 'array') return side === 'few' ? 'too short a list' : 'too long a list';
  if (origin === 'string') return side === 'few' ? 'too short' : 'too long';
  return side === 'few' ? 'too small' : 'too large';
}

function choiceHint(input: string, choices: readonly string[]): string {
  const near = closest(input, choices);
  if (near !== null) return `did you mean \`${near}\`?`;
  const shown = choices.map((choice) => (choice === '' ? 'empty' : `\`${choice}\``));
  return `write one of ${shown.join(', ')}`;
}

function unknownKey(key: string, parent: readonly PropertyKey[], places: Places): Diagnostic {
  const known = keysAt(parent);
  const near = closest(key, known);
  const path = [...parent, key];
  const moved = MOVED.get(settingPathText(path));
  if (moved !== undefined) {
    return {
      severity: 'error',
      code: 'moved-key',
      message: `\`${settingPathText(path)}\` is called \`${moved}\` now`,
      hint: `write \`${moved}\``,
      position: places.ofKey(path),
    };
  }
  return {
    severity: 'error',
    code: 'unknown-key',
    message: `unknown key \`${settingPathText(path)}\``,
    hint: near === null ? `known here: ${known.map((each) => `\`${each}\``).join(', ')}` : `did you mean \`${near}\`?`,
    position: places.ofKey(path),
  };
}
