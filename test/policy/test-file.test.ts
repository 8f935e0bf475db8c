import { describe, expect, it } from '@jest/globals';
import { parsePolicyTests } from '../../src/policy/test-file.ts';
import type { PolicyTestFile } from '../../src/policy/test-model.ts';
import { line } from './support.ts';

function parsed(text: string): PolicyTestFile {
  const { file, diagnostics } = parsePolicyTests('a.test.yaml', text);
  if (file === null) throw new Error(diagnostics.map(line).join('\n'));
  return file;
}

const problems = (text: string): string[] => parsePolicyTests('a.test.yaml', text).diagnostics.map(line);
const request = (fields: string, defaults = '{}'): PolicyTestFile['tests'][number]['request'] =>
  parsed(`
defaults: {request: ${defaults}}
tests: [{name: a, request: ${fields}, expect: {decision: allow}}]`).tests[0]!.request;

describe('a file of policy tests', () => {
  it('says what is not compared, and what is expected to be none', () => {
    const { tests } = parsed(`
tests:
- name: first
  expect: {decision: allow}
- name: second
  expect: {decision: deny, status: 401, policy: null, rule: null, headers: {set: {X-A: b}, remove: [X-C]}, query: {set: {A: b}}, responseHeaders: {X-D: e}, body: ""}
`);
    expect(tests.map(({ name, position }) => [name, position.line, position.column])).toEqual([
      ['first', 3, 3],
      ['second', 5, 3],
    ]);
    expect(tests[0]!.expect).toEqual({
      decision: 'allow',
      status: undefined,
      reason: undefined,
      policy: undefined,
      rule: undefined,
      headers: { set: new Map(), remove: [] },
      query: { set: new Map(), remove: [] },
      responseHeaders: new Map(),
      body: undefined,
    });
    expect(tests[1]!.expect).toEqual({
      decision: 'deny',
      status: 401,
      reason: undefined,
      policy: null,
      rule: null,
      headers: { set: new Map([['x-a', 'b']]), remove: ['x-c'] },
      query: { set: new Map([['A', 'b']]), remove: [] },
      responseHeaders: new Map([['x-d', 'e']]),
      body: '',
    });
  });

  it('names its policies and configuration', () => {
    const file = parsed(
      'policies: [shop.yaml]\nconfig: {trustDomain: td}\ntests: [{name: a, expect: {decision: allow}}]',
    );
    expect(file).toMatchObject({ path: 'a.test.yaml', policies: ['shop.yaml'] });
    expect(file.config).toMatchObject({ value: { trustDomain: 'td' }, position: { line: 2, column: 9 } });
    expect(parsed('tests: [{name: a, expect: {decision: allow}}]')).toMatchObject({ policies: null, config: null });
  });

  it('puts the scheme before a SPIFFE ID', () => {
    expect(request('{principal: td/ns/a/sa/b, destination: {principal: "spiffe://td/x"}}')).toMatchObject({
      principal: 'spiffe://td/ns/a/sa/b',
      destination: { principal: 'spiffe://td/x' },
    });
  });

  it('fills in defaults: field by field, headers by name, null takes away', () => {
    const defaults = '{principal: td/a, method: POST, headers: {X-A: "1", x-b: "2"}, claims: {iss: i, sub: s}}';
    expect(
      request('{method: GET, headers: {x-a: ["3", "4"]}, claims: {iss: j}, principal: null}', defaults),
    ).toMatchObject({
      principal: null,
      method: 'GET',
      headers: new Map([
        ['x-a', ['3', '4']],
        ['x-b', ['2']],
      ]),
      claims: { iss: 'j' },
    });
    expect(request('{}', defaults)).toMatchObject({ method: 'POST', claims: { iss: 'i', sub: 's' } });
    expect(request('{headers: null, claims: null}', defaults)).toMatchObject({ headers: new Map(), claims: null });
  });

  it('has one time for all requests, or one for each', () => {
    const { tests } = parsed(`
now: 2026-01-01T00:00:00Z
tests:
- {name: a, expect: {decision: allow}}
- {name: b, request: {time: 2026-02-01T00:00:00Z}, expect: {decision: allow}}`);
    expect(tests.map((test) => test.request.timeMs)).toEqual([Date.UTC(2026, 0, 1), Date.UTC(2026, 1, 1)]);
    expect(request('{}').timeMs).toBeNull();
  });

  it('keeps claims as they are, with no prototype', () => {
    const { claims } = request('{claims: {__proto__: 1, n: 1.5, l: [a, {b: null}]}}');
    expect(Object.entries(claims!)).toEqual([
      ['__proto__', 1],
      ['n', 1.5],
      ['l', ['a', { b: null }]],
    ]);
    expect(Object.getPrototypeOf(claims)).toBeNull();
  });
});

describe('a file of policy tests is refused with all its problems', () => {
  it.each([
    ['', ['1:1 missing-field: the field `tests` is missing']],
    ['tests: []', ['1:8 empty-list: the list is empty [an empty list says nothing: leave the field out, or fill it]']],
    [
      'tests: [{name: a, expect: {decision: allow}}, {name: a, expect: {decision: deny}}]',
      ['1:47 duplicate-test-name: the test name `a` is taken by the test on line 1'],
    ],
    [
      'tests: [{name: a, reqest: {}, expect: {decison: allow, rule: true}}]',
      [
        '1:19 unknown-field: unknown field `reqest` [did you mean `request`?]',
        '1:39 missing-field: the field `decision` is missing',
        '1:40 unknown-field: unknown field `decison` [did you mean `decision`?]',
        '1:62 wrong-type: a string or a number is needed here, not the boolean `true` [write it in quotes: "true"]',
      ],
    ],
    [
      'tests: [{name: a, request: {sourceIp: x, headers: {a: 1, b: [2]}, time: 2026-02-30T00:00:00Z}, expect: {decision: allow}}]',
      [
        '1:39 bad-address: `x` is not an IP address',
        '1:55 wrong-type: a string or a list is needed here, not the number `1` [write it in quotes: "1"]',
        '1:62 wrong-type: a string is needed here, not the number `2` [write it in quotes: "2"]',
        '1:73 bad-timestamp: `2026-02-30T00:00:00Z` is not a valid point in time [write it as RFC 3339 has it, with a time zone, e.g. `2027-01-01T00:00:00Z`]',
      ],
    ],
    ['tests: [\n', [expect.stringContaining('yaml-syntax')]],
    [
      'tests: [{name: a, expect: {decision: allow}}]\n---\ntests: []',
      ['3:1 too-many: a test file is one document [write a second file]'],
    ],
  ])('%j', (text, lines) => {
    expect(problems(text)).toEqual(lines);
  });
});
