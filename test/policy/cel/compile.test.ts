import { describe, expect, it } from '@jest/globals';
import { compileCel, MAX_CONDITION_LENGTH } from '../../../src/policy/cel/compile.ts';
import { CEL_VARIABLES } from '../../../src/policy/cel/environment.ts';
import { CelEvaluationError } from '../../../src/policy/cel/program.ts';
import type { CelActivation, CelInputMap, CelInputValue, CelProgram } from '../../../src/policy/cel/program.ts';

type Plain = null | boolean | number | bigint | string | readonly Plain[] | { readonly [key: string]: Plain };

function input(value: Plain): CelInputValue {
  if (Array.isArray(value)) return (value as readonly Plain[]).map(input);
  return typeof value === 'object' && value !== null ? inputMap(value as { readonly [key: string]: Plain }) : value;
}

function inputMap(value: { readonly [key: string]: Plain }): CelInputMap {
  return new Map(Object.entries(value).map(([key, each]) => [key, input(each)]));
}

interface Given {
  readonly source?: { readonly [key: string]: Plain };
  readonly destination?: { readonly [key: string]: Plain };
  readonly request?: { readonly [key: string]: Plain };
  readonly claims?: { readonly [key: string]: Plain };
  readonly nowMs?: number;
}

function activation(given: Given): CelActivation {
  return {
    source: inputMap(given.source ?? {}),
    destination: inputMap(given.destination ?? {}),
    request: inputMap(given.request ?? {}),
    claims: inputMap(given.claims ?? {}),
    nowMs: given.nowMs ?? 0,
  };
}

function program(text: string): CelProgram {
  const { program: compiled, problems } = compileCel(text);
  if (compiled === null) throw new Error(JSON.stringify(problems));
  return compiled;
}

const evaluate = (text: string, given: Given = {}): boolean => program(text).evaluate(activation(given));
const problemsOf = (text: string): string[] =>
  compileCel(text).problems.map(({ index, message, hint }) => `${index} ${message} [${hint}]`);

/** A login so many seconds ago. */
const STEP_UP = (seconds: number): Given => {
  const at = 1_780_000_000;
  return { claims: { acr: 'gold', amr: ['pwd', 'mfa'], auth_time: at, iat: at }, nowMs: (at + seconds) * 1000 };
};

describe('a condition', () => {
  it.each<[string, Given, boolean]>([
    ['claims.acr == "mfa"', { claims: { acr: 'mfa' } }, true],
    ['claims.level >= 2', { claims: { level: 2 } }, true],
    ['claims.level == 2', { claims: { level: 2 } }, true],
    ['claims.level > 2u', { claims: { level: 2.5 } }, true],
    ['claims["a-b"].c == "d"', { claims: { 'a-b': { c: 'd' } } }, true],
    ['"admin" in claims.roles', { claims: { roles: ['user', 'admin'] } }, true],
    ['claims.roles.exists(r, r.startsWith("adm"))', { claims: { roles: ['admin'] } }, true],
    ['claims.roles.all(r, r in ["a", "b"])', { claims: { roles: ['a', 'c'] } }, false],
    ['claims.a == null', { claims: { a: null } }, true],
    ['has(claims.a) && claims.a == 1', {}, false],
    ['has(claims.a.b)', { claims: { a: {} } }, false],
    ['has(claims.constructor) || has(claims.__proto__)', {}, false],
    ['request.headers["x-a"] == "1"', { request: { headers: { 'x-a': '1' } } }, true],
    ['request.headers.x == "a" || true', { request: { headers: {} } }, true],
    ['request.path.matches("^/orders/[0-9]+$")', { request: { path: '/orders/17' } }, true],
    ['request.path.matches(r"^/\\d{2}$")', { request: { path: '/1' } }, false],
    ['request.query.q == "1"', { request: { query: { q: '1' } } }, true],
    ['destination.port == 8080', { destination: { port: 8080n } }, true],
    ['destination.labels.app == "web"', { destination: { labels: { app: 'web' } } }, true],
    ['source.namespace in ["a", "b"]', { source: { namespace: 'b' } }, true],
    ['now < timestamp("2027-01-01T00:00:00Z")', { nowMs: Date.UTC(2026, 5, 1) }, true],
    // Seconds, as the specification has it; the library by itself would take milliseconds.
    ['timestamp(60) == timestamp("1970-01-01T00:01:00Z")', {}, true],
    ['timestamp(int(claims.nbf)) <= now', { claims: { nbf: 61 }, nowMs: 60_000 }, false],
    ['timestamp(claims.nbf) <= now', { claims: { nbf: 61 }, nowMs: 60_000 }, false],
    ['timestamp(claims.nbf) == timestamp("1970-01-01T00:01:00.500Z")', { claims: { nbf: 60.5 } }, true],
    ['"mfa" in claims.amr && now - timestamp(claims.auth_time) < duration("1h")', STEP_UP(3599), true],
    ['"mfa" in claims.amr && now - timestamp(claims.auth_time) < duration("1h")', STEP_UP(3600), false],
    ['"hwk" in claims.amr && now - timestamp(claims.auth_time) < duration("1h")', STEP_UP(0), false],
    ['now - timestamp(claims.iat) <= duration("90s") && claims.acr in ["silver", "gold"]', STEP_UP(90), true],
    ['now.getHours("UTC") == 13', { nowMs: Date.UTC(2026, 5, 1, 13) }, true],
    ['[1, 2].exists(request, request == 1)', {}, true],
    ['claims.ok', { claims: { ok: true } }, true],
  ])('%s', (text, given, result) => {
    expect(evaluate(text, given)).toBe(result);
  });

  it.each<[string, Given]>([
    ['claims.a == 1', {}],
    ['claims.__proto__ == 1', {}],
    ['claims.a.b == 1', { claims: { a: 'text' } }],
    ['has(claims.a.b)', {}],
    ['request.headers.x == "a" && true', { request: { headers: {} } }],
    ['claims.level + 1 > 2', { claims: { level: 2 } }],
    ['claims.s', { claims: { s: 'true' } }],
    ['timestamp(253402300800) > now', {}],
    ['timestamp(claims.t) < now', { claims: { t: 'yesterday' } }],
    ['timestamp(claims.t) < now', { claims: { t: true } }],
    ['timestamp(claims.t) < now', { claims: { t: null } }],
    ['timestamp(claims.t) < now', {}],
    ['timestamp(claims.t) < now', { claims: { t: 253_402_300_800 } }],
    ['timestamp(claims.t) < now', { claims: { t: -62_135_596_801 } }],
    ['timestamp(claims.t) < now', { claims: { t: 2 ** 60 } }],
    ['timestamp(claims.t) < now', { claims: { t: Number.NaN } }],
    ['timestamp(claims.t) < now', { claims: { t: Number.POSITIVE_INFINITY } }],
    ['"mfa" in claims.amr', { claims: { amr: 'mfa' } }],
  ])('with an error throws: %s', (text, given) => {
    expect(() => evaluate(text, given)).toThrow(CelEvaluationError);
  });

  it.each<[string, readonly [string, ...string[]][]]>([
    ['request.headers["x-a"] == "b"', [['request', 'headers', 'x-a']]],
    ['has(claims.a.b) && claims.a.b == 1', [['claims', 'a', 'b']]],
    ['"x" in claims.roles', [['claims', 'roles']]],
    ['claims[source.namespace] == 1', [['claims'], ['source', 'namespace']]],
    ['request["method"] == "GET"', [['request', 'method']]],
    ['size(request.headers) > 1', [['request', 'headers']]],
    ['claims.exists(c, c == "a")', [['claims']]],
    ['claims.roles.exists(claims, claims == "a")', [['claims', 'roles']]],
    ['true', []],
  ])('says what it reads: %s', (text, reads) => {
    expect(program(text).reads.map(({ variable, path }) => [variable, ...path])).toEqual(reads);
    expect(program(text).readsNow).toBe(false);
  });

  it('says that it reads the clock', () => {
    expect(program('now > timestamp("2026-01-01T00:00:00Z")')).toMatchObject({ readsNow: true, reads: [] });
  });
});

describe('a condition is refused at load', () => {
  it.each([
    ['reqest.method == "GET"', '0 unknown name `reqest` [did you mean `request`?]'],
    [
      'true && foo',
      '8 unknown name `foo` [the variables are `source`, `destination`, `request`, `claims`, `now`; text stands in quotes]',
    ],
    ['request.metod == "GET"', '7 `request` has no field `metod` [did you mean `method`?]'],
    ['source.ip.x == "a"', '9 `source.ip` is a string: it has no field `x` [use `source.ip` itself]'],
    ['request.path.startWith("/")', '23 unknown function `startWith` [did you mean `startsWith`?]'],
    ['1 + 2', '2 the condition is no bool [compare it with something]'],
    ['request.method', '7 the condition is no bool [compare it with something]'],
    ['"yes"', '0 the condition is no bool [compare it with something]'],
    ['request.method == 1', '15 a string is compared with a number: they are never equal [compare values of one type]'],
    ['request.headers["X-A"] == "b"', '15 no header is called `X-A`: names are lower case [write `x-a`]'],
    [
      'Foo{a: 1} == 1',
      '0 messages cannot be made in a condition [conditions have strings, numbers, bools, lists and maps]',
    ],
  ])('%s', (text, problem) => {
    expect(problemsOf(text).map((each) => each.replace(/^\d+/, String(Number.parseInt(problem))))).toEqual([problem]);
  });

  it('tells all that is wrong, each at its character', () => {
    const text = 'reqest.method == "GET" &&\n  claims.a == sorce.ip';
    const problems = compileCel(text).problems;
    expect(problems.map(({ index }) => text.slice(index, index + 5))).toEqual(['reqes', 'sorce']);
  });

  it('tells where the syntax breaks', () => {
    const text = 'claims.a == "b" &&\n  && true';
    const [problem] = compileCel(text).problems;
    expect(problem!.message).toMatch(/^cannot read the condition/);
    expect(problem!.index).toBeGreaterThanOrEqual(text.indexOf('&&'));
    expect(problem!.index).toBeLessThanOrEqual(text.lastIndexOf('&&') + 2);
  });

  it.each([
    ['(', 'request.path.matches("(")', 'not a regular expression'],
    ['a look-ahead', 'request.path.matches("(?=a)")', 'not a regular expression'],
    ['a pattern of the request', 'request.path.matches(request.headers.x)', 'is not written out'],
    ['a long pattern', `request.path.matches("${'a'.repeat(300)}")`, 'more than 256 characters'],
    ['a pattern that grows', 'request.path.matches("((a{100}){100})")', 'repetitions written out'],
    ['deep brackets', `${'('.repeat(3000)}true`, 'brackets nested'],
    ['a long chain', `claims${'.a'.repeat(1500)} == 1`, 'nested more than 64 deep'],
    ['a macro in a macro over the request', 'claims.a.all(x, claims.b.exists(y, x == y))', 'inside another one'],
    ['a long text', `"${'a'.repeat(MAX_CONDITION_LENGTH)}" == "a"`, 'characters'],
  ])('to bound its cost: %s', (_, text, words) => {
    expect(problemsOf(text).join('\n')).toContain(words);
  });

  it.each(['^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', '^/(a|b){1,10}/[^/]+$', '[{}]{3}'])(
    'unlike the pattern %s',
    (pattern) => {
      expect(problemsOf(`request.path.matches("${pattern}")`)).toEqual([]);
    },
  );

  it('unlike macros over lists that are written out', () => {
    expect(problemsOf('claims.a.exists(x, ["a", "b"].exists(y, x == y))')).toEqual([]);
  });
});

it('every variable and field has a meaning for the documentation', () => {
  const meanings = (
    fields: typeof CEL_VARIABLES | Readonly<Record<string, (typeof CEL_VARIABLES)['source']>>,
  ): string[] =>
    Object.values(fields).flatMap(({ meaning, fields: below }) => [
      meaning,
      ...(below === undefined ? [] : meanings(below)),
    ]);
  expect(meanings(CEL_VARIABLES).filter((meaning) => meaning === '')).toEqual([]);
});
