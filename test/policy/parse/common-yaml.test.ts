/** The reader of common YAML against the library: the same tree, or none. */
import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readCommonYaml } from '../../../src/policy/parse/common-yaml.ts';
import { MAX_DEPTH, MAX_STRING_LENGTH } from '../../../src/policy/parse/limits.ts';
import type { Node } from '../../../src/policy/parse/node.ts';
import { readAnyYaml } from '../../../src/policy/parse/parse-file.ts';
import { SourceText } from '../../../src/policy/parse/source-text.ts';
import { Report } from '../../../src/policy/report.ts';
import { invalidFiles, readVectors } from '../../conformance/vectors.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';

function plain(nodes: readonly Node[]): string {
  return JSON.stringify(nodes, (key, value: unknown) => (key === 'source' ? undefined : value));
}

/** null: left to the library. Otherwise both trees, and what the library found wrong. */
function readBoth(text: string): { common: string; library: string; problems: number } | null {
  const source = new SourceText('policy.yaml', text);
  const common = readCommonYaml(source);
  if (common === null) return null;
  const report = new Report();
  const library = readAnyYaml(source, report);
  return { common: plain(common), library: plain(library), problems: report.sorted().length };
}

function expectSame(text: string): boolean {
  const both = readBoth(text);
  if (both === null) return false;
  expect({ text, problems: both.problems, tree: both.common }).toEqual({ text, problems: 0, tree: both.library });
  return true;
}

const TAKEN: Readonly<Record<string, string>> = {
  'nothing at all': '',
  'comments only': '# a\n\n  # b\n---\n# c\n',
  'maps and lists, indented and not': 'a:\n  b:\n  - c\n  - d\n  e:\n      - f\n      -   g: h\n          i: j\nk: l\n',
  'lists in lists': '- - a\n  - b\n- - - c\n- d: [e]\n',
  'comments and empty lines': '# a\n\nb: c # d\n# e\n\n  # f\ng: # h\n\n  # i\n  - j#k # l\n   # m\n',
  quotes: 'a: "b: # c"\n\'d\': \'e\' # f\n"g h": ""\n',
  'flow collections': 'a: [b, "c", \'d\', [e], {f: g, "h": [ i ]}, {}, [ ]] # j\nk: { l: m }\n',
  'marks inside plain strings': 'a: b:c\nd: e"f\'g\nh: /i/{*}\nj: k, l [m] & n\no: [p:q, /r?s=t]\n',
  'words and numbers':
    'a: true\nb: False\nc: null\nd: ~\ne: 10\nf: 007\ng: 10.0.0.1\nh: 1.2.3.4/8\ni: 2027-01-01T00:00:00Z\nj: yes\nk: 1_000\nl: nullish\n',
  'literal blocks': 'a: |\n  b: c\n    d # e\nf:\n  - |-\n    g\n  - h: |\n        i\n    j: k\n',
  'several documents': '---\na: b\n--- # c\n- d\n---\n',
  'a file without a last line end': 'a:\n- b',
  'a merge key, which is a key like any other': 'a: b\n<<: {c: d}\n',
  'letters of all sorts': 'a: zä\nb: "日本 – “x”" # …\n',
  'escapes that JSON has': 'a: "b\\n\\"c\\" \\\\ \\u00e9 \\ud83d\\ude00"\n"\\t": [ "\\/" ]\n',
  'a quote written twice': "a: 'b''c'\n'''d': ''\n",
  'flow collections over several lines':
    'a: [b,\n  c\n  , d ]\ne: {\n    f: g,\n\n    h: [i,\n     j]\n  }\nk:\n  - [\n    l ]\n',
  'folded blocks': 'a: >\n  b c\n  d\ne:\n- >-\n    f: g\n    h\n- i\n',
  'literal blocks with empty lines': 'a: |\n  b\n\n\n    c\n\n  d\n\n\ne:\n- |-\n  f\n\n',
  JSON: '{"a":{"b":[1,true,"c"],"d":null},\n\n "e": [\n]\n}\n',
  'JSON documents': '[{"a":"b"}]\n---\n{}\n---\n[]',
};

const LEFT: Readonly<Record<string, string>> = {
  'an anchor': 'a: &x b\n',
  'an alias': 'a: *x\n',
  'a tag': 'a: !!str b\n',
  'a directive': '%YAML 1.2\n---\na: b\n',
  'the end of a document': 'a: b\n...\n',
  'a key written twice': 'a: b\n"a": c\n',
  'a key written twice in a flow map': 'x: {a: b, a: c}\n',
  'a key that is no string': '1: b\n',
  'a key that is null': 'null: b\n',
  'a value left out': 'a:\nb: c\n',
  'an item left out': '- a\n-\n',
  'quotes side by side': 'a: "b""c"\n',
  'a plain string over two lines': 'a: b\n  c\n',
  'a plain string over two lines in a list': '- a\n  b\n',
  'a quoted string over two lines': 'a: "b\n  c"\n',
  'a flow list that ends early': 'a: [b\n',
  'a pair in a flow list': 'a: [b: c]\n',
  'a map inside a line': 'a: b: c\n',
  'a literal block that keeps its end': 'a: |+\n  b\n',
  'a literal block with its own indentation': 'a: |2\n   b\n',
  'an escape that JSON does not have': 'a: "\\x41"\n',
  'a folded block with an empty line': 'a: >\n  b\n\n  c\n',
  'a folded block with more indentation': 'a: >\n  b\n    c\n',
  'a literal block that begins with an empty line': 'a: |\n\n  b\n',
  'a comment under a literal block': 'a:\n  b: |\n    c\n # d\n',
  'a bracket in a line that is not indented': 'a:\n  b: [c\n  ]\n',
  'a comma before nothing': 'a: [b, ]\n',
  'a comment in brackets': 'a: [b, # c\n  d]\n',
  'the end of a document in brackets': '[a,\n...\n]\n',
  'JSON behind JSON': '{}\n{}\n',
  'a key in brackets': '[a]: b\n',
  'an explicit key': '? a\n: b\n',
  'a tab': 'a:\tb\n',
  'a carriage return': 'a: b\r\n',
  'a byte order mark': '\uFEFFa: b\n',
  'a line separator in quotes': 'a: "b\u2028c"\n',
  'half a character': 'a: "\ud800"\n',
  'a plain string that begins with other letters': 'a: ä\n',
  'a fraction': 'a: 1.5\n',
  'an exponent': 'a: 1e3\n',
  'a sign': 'a: +1\n',
  'a hexadecimal number': 'a: 0x1f\n',
  'an octal number': 'a: 0o17\n',
  'a number past what is exact': 'a: 12345678901234567890\n',
  'not a number': 'a: .nan\n',
  'an indentation that no level has': 'a:\n    b: c\n  d: e\n',
  'an item under a map': 'a: b\n- c\n',
  'a comment without a blank': 'a: "b"#c\n',
  'a plain document': 'a\n',
};

const SAMPLES = new URL('../../../policies/', import.meta.url);
const samples = readdirSync(SAMPLES, { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => ({ name, text: readFileSync(new URL(name, SAMPLES), 'utf8') }));

/** What means something to YAML, and what looks as if it did. */
const PIECES = [
  '"a":',
  '\\',
  '\\n',
  "''",
  '>\n',
  '\n]',
  ',\n   ',
  '[\n',
  '[',
  ']',
  '{',
  '}',
  ': ',
  ':',
  '- ',
  '-',
  '\n',
  '\n\n',
  ' ',
  '  ',
  '\n  ',
  '\n    ',
  '\n- ',
  '\n  - ',
  '"',
  "'",
];
const MORE_PIECES = [
  '|',
  '|-\n',
  '>',
  '&x ',
  '*x',
  '!',
  '#',
  ' # c',
  '\n# c',
  '\n   # c',
  '---\n',
  '\n---\n',
  '\n...\n',
  '? ',
  ', ',
];
const WORDS = [
  'null',
  '~',
  '1',
  '1.5',
  '0x1f',
  '-1',
  '.5',
  '1e3',
  'true',
  'a: b',
  '\na: b',
  '\n  c: d',
  'é',
  '<<',
  "'q'",
  '"q": ',
  '[]',
  '{}',
];

const edit = fc.record({
  at: fc.nat(),
  remove: fc.constantFrom(0, 0, 1, 2, 5),
  piece: fc.constantFrom('', ...PIECES, ...MORE_PIECES, ...WORDS),
});

/** A few lines of a sample, without the indentation that all of them have or with it, and edited. */
const excerpt = fc
  .record({
    text: fc.constantFrom(...Object.values(TAKEN), ...samples.map(({ text }) => text)),
    from: fc.nat(),
    count: fc.integer({ min: 1, max: 12 }),
    outdent: fc.boolean(),
    edits: fc.array(edit, { maxLength: 3 }),
  })
  .map(({ text, from, count, outdent, edits }) => {
    const all = text.split('\n');
    const start = from % all.length;
    const lines = all.slice(start, start + count);
    const indent = /^ */.exec(lines[0]!)![0];
    const cut = outdent ? lines.map((line) => (line.startsWith(indent) ? line.slice(indent.length) : line)) : lines;
    return edits.reduce((whole, { at, remove, piece }) => {
      const place = at % (whole.length + 1);
      return whole.slice(0, place) + piece + whole.slice(place + remove);
    }, cut.join('\n'));
  });

const OPENERS = [
  'a:',
  'b: ',
  '- c:',
  '- ',
  '- - ',
  '"d":',
  'e: |',
  'f: >',
  '- |-',
  '- >-',
  'g: [',
  'h: {',
  "i: 'j",
] as const;
const CONTENTS = [
  '',
  'k',
  'l m',
  'n: o',
  '"p"',
  "'q'",
  '[r]',
  '{s: t}',
  'u,',
  ']',
  '}',
  'v]',
  '# w',
  'x # y',
  '- z',
  '1',
  '~',
  '...',
] as const;

/** Lines of all indentations, since the levels of blocks and brackets are where two readers could part. */
const composed = fc
  .array(
    fc.record({
      indent: fc.constantFrom(0, 0, 1, 2, 2, 3, 4, 4, 6),
      opener: fc.constantFrom('', '', ...OPENERS),
      content: fc.constantFrom(...CONTENTS),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((lines) => lines.map(({ indent, opener, content }) => `${' '.repeat(indent)}${opener}${content}\n`).join(''));

/** Many a run, since most are refused at once. */
const mutilated = fc.array(fc.oneof(excerpt, composed), { minLength: 20, maxLength: 40 });

describe('the reader of common YAML', () => {
  it.each(Object.entries(TAKEN))('reads %s as the library does', (_, text) => {
    expect(expectSame(text)).toBe(true);
  });

  it.each(Object.entries(LEFT))('leaves %s to the library', (_, text) => {
    expect(readBoth(text)).toBeNull();
  });

  it('leaves what is past a bound to the library, which reports it', () => {
    expect(readBoth(`a: ${'['.repeat(MAX_DEPTH + 1)}${']'.repeat(MAX_DEPTH + 1)}\n`)).toBeNull();
    expect(readBoth(`${'- '.repeat(MAX_DEPTH + 1)}a\n`)).toBeNull();
    expect(readBoth(`a: "${'b'.repeat(MAX_STRING_LENGTH + 1)}"\n`)).toBeNull();
    expect(readBoth(`${'a'.repeat(2000)}: b\n`)).toBeNull();
  });

  it('reads every recorded policy set as the library does, and leaves it none', () => {
    const sets = [...readVectors('p'), ...readVectors('b'), ...invalidFiles().flatMap((file) => file.sets)];
    const texts = sets.map(({ policies }) => policies);
    expect(texts.length).toBeGreaterThan(100);
    expect(texts.filter((text) => !expectSame(text))).toEqual([]);
  });

  it.each(samples)('reads $name as the library does, or leaves it', ({ text }) => {
    const both = readBoth(text);
    expect(both?.common).toBe(both?.library);
  });

  it(
    named('reads mutilated files as the library does, or leaves them to it'),
    () => {
      let taken = 0;
      const property = fc.property(mutilated, (texts) => {
        for (const text of texts) if (expectSame(text)) taken++;
      });
      fc.assert(property, PARAMETERS);
      // Enough of them are still common: otherwise nothing was compared.
      expect(taken).toBeGreaterThan(PARAMETERS.numRuns);
    },
    TIMEOUT_MS,
  );
});
