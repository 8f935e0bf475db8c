/** Whatever the text is, it is looked at to the end, and nothing is thrown. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { JsonProblem, readJson } from '../../src/doctor/text/json.ts';
import { durationMs } from '../../src/doctor/text/duration.ts';
import { plainValue } from '../../src/policy/parse/node.ts';
import { SourceText } from '../../src/policy/parse/source-text.ts';
import { ENVOY_CASES } from './cases.ts';
import { changedEnvoy, changedIstio, look } from './support.ts';

const RUNS = 300;

function expectLook(text: string, path = 'input.json'): void {
  const { findings, problems } = look([{ path, text }]);
  expect(findings.length + problems.length).toBeGreaterThanOrEqual(0);
  for (const { position } of [...findings, ...problems]) expect(position.line).toBeGreaterThan(0);
}

/** Paths to every value of a document. */
function pathsOf(value: unknown, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [path];
  return [path, ...Object.entries(value).flatMap(([key, inner]: [string, unknown]) => pathsOf(inner, [...path, key]))];
}

function replaced(value: unknown, path: readonly string[], by: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return by;
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (String(index) === key ? replaced(item, rest, by) : item));
  const map = value as Readonly<Record<string, unknown>>;
  return { ...map, [key]: replaced(map[key], rest, by) };
}

const ODD = [
  null,
  true,
  0,
  -1,
  1e300,
  '',
  'x',
  '0s',
  [],
  {},
  [[]],
  [null],
  { '@type': 7 },
  [{}],
  ['x'],
  { x: { x: [] } },
];

describe('examining', () => {
  it('takes any JSON', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => expectLook(text)),
      { numRuns: RUNS },
    );
  });

  it('takes any text, as JSON and as YAML', () => {
    const texts = fc.oneof(
      fc.string(),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'{}[]":,-&*!|>\n a') }),
    );
    fc.assert(
      fc.property(texts, fc.constantFrom('a.json', 'a.yaml'), (text, path) => expectLook(text, path)),
      { numRuns: RUNS },
    );
  });

  it('takes a configuration with anything in the place of anything', () => {
    const whole: unknown = JSON.parse(changedEnvoy());
    const cases = ENVOY_CASES.map(({ change }) => JSON.parse(changedEnvoy(change)) as unknown);
    const documents = fc.constantFrom(whole, ...cases);
    const odd = fc.oneof(fc.constantFrom<unknown>(...ODD), fc.jsonValue());
    fc.assert(
      fc.property(documents, fc.nat(), odd, (document, at, by) => {
        const paths = pathsOf(document);
        expectLook(JSON.stringify(replaced(document, paths[at % paths.length]!, by)));
      }),
      { numRuns: RUNS * 2 },
    );
  });

  it('takes a mesh with anything in the place of anything', () => {
    const files = changedIstio();
    const documents = files.map(({ path, text }) => ({ path, lines: text.split('\n') }));
    fc.assert(
      fc.property(
        fc.constantFrom(...documents),
        fc.nat(),
        fc.constantFrom('[]', '{}', 'x', '7', '[[]]', 'null'),
        (document, at, by) => {
          const lines = [...document.lines];
          const index = at % lines.length;
          lines[index] = lines[index]!.replace(/:.*$/, `: ${by}`);
          const { findings, problems } = look([
            ...files.filter(({ path }) => path !== document.path),
            { path: document.path, text: lines.join('\n') },
          ]);
          expect(findings.length + problems.length).toBeGreaterThanOrEqual(0);
        },
      ),
      { numRuns: RUNS },
    );
  });

  it('takes what is nested without end, long without end, or full of quotes', () => {
    for (const text of [
      '['.repeat(100_000),
      '{"a":'.repeat(100_000),
      `${'['.repeat(5000)}${']'.repeat(5000)}`,
      `"${'\\'.repeat(999_999)}`,
      `{"configs": "${'\\"'.repeat(500_000)}"}`,
      `{"configs": "${'a'.repeat(1_000_000)}"}`,
    ]) {
      expectLook(text);
      expectLook(text, 'a.yaml');
    }
  });
});

describe('the reader of JSON', () => {
  it('reads what JSON.parse reads, to the same values', () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        const value: unknown = JSON.parse(text);
        expect(JSON.parse(JSON.stringify(plainValue(readJson(new SourceText('a', text)))))).toEqual(value);
      }),
      { numRuns: RUNS },
    );
  });

  it.each([
    '',
    '{',
    '[1,]',
    '{"a":1,}',
    '{"a" 1}',
    "{'a':1}",
    '[01]',
    '[1 2]',
    '"\u0001"',
    '"\\x"',
    'nul',
    '[1]]',
    '+1',
  ])('refuses %j as JSON.parse does', (text) => {
    expect(() => JSON.parse(text) as unknown).toThrow(SyntaxError);
    expect(() => readJson(new SourceText('a', text))).toThrow(JsonProblem);
  });
});

describe('durations', () => {
  it.each([
    ['0.200s', 200],
    ['0s', 0],
    ['600s', 600_000],
    ['200ms', 200],
    ['1m30s', 90_000],
    ['10m', 600_000],
    ['1h', 3_600_000],
  ])('%s is %d ms', (text, ms) => {
    expect(durationMs(text)).toBe(ms);
  });

  it.each(['', '200', 's', '-1s', '1 s', '1s ', '1e3s', '0.2', `${'1'.repeat(50)}s`])('%j is none', (text) => {
    expect(durationMs(text)).toBeNull();
  });
});
