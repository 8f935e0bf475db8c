/** The quick look against zod: what it lets pass, zod takes. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import * as z from 'zod';
import { plainValue } from '../../../src/policy/parse/node.ts';
import type { Node } from '../../../src/policy/parse/node.ts';
import { parseFile } from '../../../src/policy/parse/parse-file.ts';
import { Report } from '../../../src/policy/report.ts';
import { fitsOf } from '../../../src/policy/schema/fits.ts';
import { KIND_SCHEMAS } from '../../../src/policy/schema/kinds.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';

function nodeOf(value: unknown): Node {
  const [node] = parseFile('a.yaml', JSON.stringify(value), new Report());
  if (node === undefined) throw new Error('no document');
  return node;
}

const takes = (schema: z.ZodType, node: Node): boolean => schema.safeParse(plainValue(node), { jitless: true }).success;

const METADATA = { name: 'a', namespace: 'b', labels: { c: 'd' }, annotations: null, uid: 1 };
const DOCUMENTS = [
  {
    apiVersion: 'portcullis.dev/v1',
    kind: 'AccessPolicy',
    metadata: METADATA,
    spec: {
      selector: { matchLabels: { app: 'a' } },
      serviceAccounts: ['x'],
      action: 'ALLOW',
      mode: 'Shadow',
      rules: [
        {
          name: 'r',
          from: [{ source: { principals: ['td/ns/a/sa/b'], notGroups: ['g'] } }],
          to: [{ operation: { methods: ['GET'], paths: ['/a/{*}'] } }],
          when: [{ key: 'source.ip', values: ['10.0.0.1'] }],
          condition: 'true',
          valid: { from: '2026-01-01T00:00:00Z' },
          respond: { request: { set: { a: 'b' }, remove: ['c'] }, response: { set: { a: 'b' } } },
        },
        {},
      ],
    },
  },
  {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: METADATA,
    spec: {
      selector: null,
      targetRefs: [{ kind: 'Gateway', name: 'g' }, null],
      action: 'DENY',
      provider: { name: null },
      rules: [{ from: [{ source: { namespaces: [] } }], to: null, when: [{ key: 'a', values: ['b'] }] }, null],
    },
    status: { any: ['thing'] },
  },
  {
    apiVersion: 'portcullis.dev/v1',
    kind: 'PrincipalGroup',
    metadata: METADATA,
    spec: {
      spiffeIds: ['*'],
      subjects: [{ issuer: 'i', subjects: ['s'] }],
      claims: [{ issuer: 'i', claim: 'c', values: ['v'] }],
    },
  },
  {
    apiVersion: 'security.istio.io/v1',
    kind: 'RequestAuthentication',
    metadata: METADATA,
    spec: { jwtRules: [{ issuer: 'i', audiences: ['a'], fromHeaders: [{ name: 'n', prefix: null }] }] },
  },
  {
    apiVersion: 'portcullis.dev/v1',
    kind: 'IdentityProvider',
    metadata: METADATA,
    spec: {
      selector: { matchLabels: { a: 'b' } },
      issuer: 'https://i',
      from: { headers: [{ name: 'n', prefix: 'p' }], cookies: ['c'] },
      jwt: { audiences: ['a'], algorithms: ['ES256'], binding: 'dpop' },
    },
  },
  {
    apiVersion: 'portcullis.dev/v1',
    kind: 'IdentityProvider',
    metadata: METADATA,
    spec: {
      issuer: 'i',
      apiKeys: {
        keys: [{ id: 'a', owner: 'b', sha256: ['c'], labels: { d: 'e' }, valid: { until: '2027-01-01T00:00:00Z' } }],
      },
    },
  },
  {
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: METADATA,
    spec: { address: '10.0.0.1', labels: { a: 'b' }, serviceAccount: 'c' },
  },
] as const;

const SPLINTERS: readonly unknown[] = [
  null,
  '',
  'x',
  'ALLOW',
  1,
  -1,
  true,
  [],
  [null],
  [''],
  ['x'],
  {},
  { x: 'y' },
  'X y',
  '\u{1F600}',
];
const KEYS = ['x', 'rules', 'name', 'key', 'source', 'values', '__proto__'] as const;

/** The same document with the part at a place taken out, replaced, or one put beside it. */
function altered(value: unknown, steps: readonly number[], how: number, splinter: unknown, key: string): unknown {
  const [step, ...rest] = steps;
  if (step === undefined || value === null || typeof value !== 'object' || Object.keys(value).length === 0)
    return splinter;
  const entries: [string, unknown][] = Object.entries(value);
  const at = step % entries.length;
  const [name, inner] = entries[at]!;
  const changed: [string, unknown][] =
    rest.length > 0 || how === 0
      ? [[name, altered(inner, rest, how, splinter, key)]]
      : how === 1
        ? []
        : [
            [name, inner],
            [key, splinter],
          ];
  entries.splice(at, 1, ...changed);
  return Array.isArray(value) ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}

const alteredDocument = fc
  .record({
    document: fc.constantFrom(...DOCUMENTS),
    steps: fc.array(fc.nat(20), { minLength: 1, maxLength: 9 }),
    how: fc.nat(2),
    splinter: fc.constantFrom(...SPLINTERS),
    key: fc.constantFrom(...KEYS),
  })
  .map(({ document, steps, how, splinter, key }) => ({
    kind: document.kind,
    value: altered(document, steps, how, splinter, key),
  }));

describe('the quick look at structure', () => {
  it.each(DOCUMENTS)('lets an ordinary $kind pass', (document) => {
    const node = nodeOf(document);
    expect([fitsOf(KIND_SCHEMAS[document.kind])(node), takes(KIND_SCHEMAS[document.kind], node)]).toEqual([true, true]);
  });

  it(
    named('lets nothing pass that zod refuses'),
    () => {
      let refused = 0;
      const property = fc.property(fc.array(alteredDocument, { minLength: 10, maxLength: 30 }), (documents) => {
        for (const { kind, value } of documents) {
          if (value === null) continue;
          const node = nodeOf(value);
          const taken = takes(KIND_SCHEMAS[kind], node);
          if (!taken) refused++;
          expect({ value, passes: fitsOf(KIND_SCHEMAS[kind])(node) && !taken }).toEqual({ value, passes: false });
        }
      });
      fc.assert(property, PARAMETERS);
      expect(refused).toBeGreaterThan(PARAMETERS.numRuns);
    },
    TIMEOUT_MS,
  );

  const FORMS: readonly (readonly [string, z.ZodType, unknown, boolean])[] = [
    ['a string', z.string(), 'a', true],
    ['a string long enough', z.string().min(2), 'abcd', true],
    // One code point to zod, two units to us.
    ['a string of one wide character', z.string().min(2), '\u{1F600}', false],
    ['a string too long', z.string().max(2), 'abc', false],
    ['a string of a pattern', z.string().regex(/^a$/), 'a', true],
    ['a string of another pattern', z.string().regex(/^a$/), 'b', false],
    ['a pattern with a memory', z.string().regex(/a/g), 'a', false],
    ['a format of zod', z.email(), 'a@b.cd', false],
    ['a string with a rule of its own', z.string().refine(() => false), 'a', false],
    ['a string turned into another', z.string().trim().min(1), ' ', false],
    ['what is made a string', z.coerce.string(), 'a', false],
    ['a list with a rule of its own', z.array(z.string()).refine(() => false), ['a'], false],
    ['a list too short', z.array(z.string()).min(2), ['a'], false],
    ['a list too long', z.array(z.string()).max(1), ['a', 'b'], false],
    ['an object with a rule of its own', z.strictObject({ a: z.string() }).refine(() => false), { a: 'b' }, false],
    ['an object that lets fields through', z.object({ a: z.string() }), { a: 'b' }, false],
    ['an object without a needed field', z.strictObject({ a: z.string(), b: z.string() }), { a: 'b' }, false],
    ['an object with a field too many', z.strictObject({ a: z.string() }), { a: 'b', c: 'd' }, false],
    ['a record with a rule about keys', z.record(z.string().min(2), z.string()), { ab: 'c' }, false],
    ['a number', z.int(), 1, false],
    ['a union', z.union([z.string(), z.int()]), 'a', false],
    ['a word', z.enum(['a', 'b']), 'b', true],
    ['another word', z.enum(['a', 'b']), 'c', false],
    ['a literal', z.literal('a'), 'a', true],
    ['a literal number', z.literal(1), 1, false],
  ];

  it.each(FORMS)('%s', (_, schema, value, passes) => {
    expect(fitsOf(schema)(inside(nodeOf({ x: value })))).toBe(passes);
  });
});

/** A document that is a scalar alone may be none at all. */
function inside(node: Node): Node {
  return node.kind === 'map' ? node.entries[0]!.value : node;
}
