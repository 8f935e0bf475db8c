import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { Claim } from '../../../src/attributes/claim.ts';
import { toByteString, toTextStrict } from '../../../src/attributes/bytes.ts';
import { JsonError, MAX_JSON_DEPTH, parseJson, parseJsonInSteps } from '../../../src/identity/jwt/json.ts';
import { runSteps } from '../../../src/lib/steps.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';

/** As `JSON.parse` would have it. Strings that are no UTF-8 would throw. */
function plain(claim: Claim): unknown {
  if (typeof claim === 'string') return toTextStrict(claim)!;
  if (Array.isArray(claim)) return claim.map(plain);
  if (claim instanceof Map) {
    const members = [...(claim as ReadonlyMap<string, Claim>)].map(
      ([key, value]) => [plain(key), plain(value)] as const,
    );
    return Object.fromEntries(members as [string, unknown][]);
  }
  return claim;
}

function problemOf(text: string): string {
  try {
    parseJson(text);
    return 'none';
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return `${error.offset}: ${error.message}`;
  }
}

describe('parseJson', () => {
  it.each([
    ['', '0: a value was expected'],
    ['{"a":1,"a":2}', '7: a member name twice'],
    ['{"a":1,"\\u0061":2}', '7: a member name twice'],
    ['[{"x":{"é":1,"\\u00e9":2}}]', '14: a member name twice'],
    ['[1,]', '3: a value was expected'],
    ['{"a":1,}', '7: a member name was expected'],
    ['{a:1}', '1: a member name was expected'],
    ['[1 2]', '3: `]` was expected'],
    ['{"a" 1}', '5: `:` was expected'],
    ['01', '1: text behind the value'],
    ['1e400', '0: a number too large'],
    ['NaN', '0: a value was expected'],
    ['+1', '0: a value was expected'],
    ['.5', '0: a value was expected'],
    ['nul', '0: a value was expected'],
    ['"a', '2: a string without an end, or with a control character'],
    ['"a\nb"', '2: a string without an end, or with a control character'],
    ['"\\x41"', '3: an escape that JSON does not have'],
    ['"\\u12g4"', '6: an escape that JSON does not have'],
    ['"\\ud83d"', '7: half a surrogate pair'],
    ['"\\ude00"', '7: half a surrogate pair'],
    ['"\\ud83d\\u0041"', '13: half a surrogate pair'],
    ['{} {}', '3: text behind the value'],
    ['\u00ef\u00bb\u00bf{}', '0: a value was expected'],
    ['"\u00ff"', '0: not UTF-8'],
    ['"\u00ed\u00a0\u0080"', '0: not UTF-8'],
    ['// x\n1', '0: a value was expected'],
  ])('refuses %j: %s', (text, problem) => {
    expect(problemOf(text.includes('é') ? toByteString(text) : text)).toBe(problem);
  });

  it('takes as many levels as its bound, and no more', () => {
    const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    expect(problemOf(deep(MAX_JSON_DEPTH))).toBe('none');
    expect(problemOf(deep(MAX_JSON_DEPTH + 1))).toBe(`${MAX_JSON_DEPTH}: more than ${MAX_JSON_DEPTH} levels`);
    expect(problemOf('['.repeat(1_000_000))).toMatch(/levels$/);
  });

  it(
    named('reads what JSON.stringify writes, escaped or not'),
    () => {
      fc.assert(
        fc.property(fc.jsonValue({ maxDepth: 6, noUnicodeString: false }), fc.boolean(), (value, escape) => {
          let text = JSON.stringify(value);
          if (escape)
            text = text.replace(/[^ -~]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
          expect(plain(parseJson(toByteString(text)))).toEqual(JSON.parse(text));
        }),
        PARAMETERS,
      );
    },
    TIMEOUT_MS,
  );

  it(
    named('takes no text that JSON.parse refuses, and throws nothing but its own error'),
    () => {
      const pieces = fc.constantFrom(...'{}[],:"\\-.0123456789eE', 'true', 'null', '"a"', '\\u00', 'é', '\t', ' ', 'x');
      fc.assert(
        fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
          const text = parts.join('');
          let expected: unknown;
          try {
            expected = JSON.parse(text);
          } catch {
            expect(problemOf(toByteString(text))).not.toBe('none');
            return;
          }
          // What it refuses beyond that has one of the reasons.
          const problem = problemOf(toByteString(text));
          if (problem === 'none') expect(plain(parseJson(toByteString(text)))).toEqual(expected);
          else expect(problem).toMatch(/twice|too large|surrogate/);
        }),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
      );
    },
    TIMEOUT_MS,
  );

  it(
    named('reads the same in steps'),
    () => {
      const pieces = fc.constantFrom(
        ...'{{[]},:"1 ',
        '{"a":',
        '{"b":[',
        ',"a":',
        '[[',
        'null',
        '"é"',
        '\u00ff',
        'x',
        '\n',
      );
      fc.assert(
        fc.property(
          fc.oneof(
            fc.json({ maxDepth: 5 }),
            fc.array(pieces).map((parts) => parts.join('')),
          ),
          (text) => {
            const bytes = text.includes('\u00ff') ? text : toByteString(text);
            expect(stepped(bytes)).toEqual(outcomeOf(() => parseJson(bytes)));
          },
        ),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
      );
    },
    TIMEOUT_MS,
  );

  it('is no UTF-8 in steps either, wherever its pieces end', () => {
    const long = (before: number, rest: string): string => `"${'a'.repeat(before)}${rest}"`;
    const smile = toByteString('😀');
    for (let before = 65_525; before < 65_540; before++) {
      const good = long(before, smile + smile);
      expect(stepped(good)).toEqual(parseJson(good));
      for (const bad of [smile.slice(1), smile.slice(0, 3), '\x80'.repeat(9), '\xf0']) {
        expect(stepped(long(before, bad))).toBe('0: not UTF-8');
        expect(stepped('\x80'.repeat(before) + bad)).toBe('0: not UTF-8');
      }
    }
  });

  it('gives the elements of lists of the document away', () => {
    const seen: unknown[] = [];
    const steps = parseJsonInSteps('{"a": [1, [2]], "b": 3, "c": {"d": [4]}}', (...given) => {
      seen.push(given);
      return given[1];
    });
    expect(plain(runSteps(steps))).toEqual({ a: [0, 1], b: 3, c: { d: [4] } });
    expect(seen).toEqual([
      ['a', 0, 1],
      ['a', 1, [2]],
    ]);
  });
});

function outcomeOf(read: () => Claim): unknown {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    return `${error.offset}: ${error.message}`;
  }
}

function stepped(bytes: string): unknown {
  return outcomeOf(() => runSteps(parseJsonInSteps(bytes, (_member, _index, element) => element)));
}
