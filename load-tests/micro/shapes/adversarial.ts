/**
 * (f) What an index by one attribute dies of: every rule says something of every attribute, and what a request has
 * is right in all of them but one.
 */
import type { Ask } from '../../../test/extauthz/support/engine.ts';
import type { Json } from '../../../test/extauthz/support/messages.ts';
import type { Random } from '../../lib/random.ts';
import { claim, header, operation, source, when } from './model.ts';
import type { RuleParts } from './model.ts';
import { lastAllowing, meshWide, ordinaryRequest } from './shape.ts';
import type { Shape } from './shape.ts';

const DIMENSIONS = [
  'path',
  'principal',
  'method',
  'host',
  'header',
  'claim',
  'source-ip',
  'port',
  'request-principal',
  'namespace',
] as const;
type Dimension = (typeof DIMENSIONS)[number];

/** What all rules share in a dimension, or what rule `i` (a number that no rule has: a stranger) has of its own. */
type Value = 'shared' | number;

const ISSUER = 'https://login.example.com';
/** Ports are few: rules of 100,000 share them, and the first of those that do decides. */
const PORTS = 60_000;

const word = (value: Value): string => (value === 'shared' ? 'shared' : `own-${value}`);
const portOf = (value: Value): number => (value === 'shared' ? 8080 : value >= STRANGER ? 65_000 : 1 + (value % PORTS));
const STRANGER = 1e7;

function addressOf(value: Value): string {
  if (value === 'shared') return '10.1.2.3';
  // Documentation addresses end where rules begin: 48.0.0.0 on.
  const address = 0x30000000 + value;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join('.');
}

const texts = {
  path: (value: Value): string => `/adversarial/${word(value)}`,
  method: (value: Value): string => (value === 'shared' ? 'GET' : `OWN-${value}`),
  host: (value: Value): string => `${word(value)}.adversarial.example`,
  header: (value: Value): string => `group-${word(value)}`,
  claim: (value: Value): string => `role-${word(value)}`,
  subject: (value: Value): string => `subject-${word(value)}`,
  namespace: (value: Value): string => `ns-${word(value)}`,
  account: (value: Value): string => `account-${word(value)}`,
};

/** `valueOf`: what the rule accepts in a dimension, one value or several. */
function constrained(valuesOf: (dimension: Dimension) => readonly Value[], namespaceVaries: boolean): RuleParts {
  const some = (dimension: Dimension, text: (value: Value) => string): string[] => valuesOf(dimension).map(text);
  return {
    from: [
      source({
        // Where namespaces are told apart, the name as a whole must not do it already.
        principals: namespaceVaries
          ? some('principal', (value) => `*/sa/${texts.account(value)}`)
          : some('principal', (value) => `cluster.local/ns/${texts.namespace('shared')}/sa/${texts.account(value)}`),
        namespaces: some('namespace', texts.namespace),
        requestPrincipals: some('request-principal', (value) => `${ISSUER}/${texts.subject(value)}`),
        ipBlocks: some('source-ip', (value) => `${addressOf(value)}/32`),
      }),
    ],
    to: [
      operation({
        paths: some('path', texts.path),
        methods: some('method', texts.method),
        hosts: some('host', texts.host),
        ports: some('port', (value) => String(portOf(value))),
      }),
    ],
    when: [when(header('x-group'), some('header', texts.header)), when(claim('role'), some('claim', texts.claim))],
  };
}

function askWith(
  valueOf: (dimension: Dimension) => Value,
  random: Random,
  more: Readonly<Record<string, string>> = {},
): Ask {
  const claims: { [name: string]: Json } = {
    iss: ISSUER,
    sub: texts.subject(valueOf('request-principal')),
    role: texts.claim(valueOf('claim')),
  };
  return ordinaryRequest(random, {
    path: texts.path(valueOf('path')),
    method: texts.method(valueOf('method')),
    host: texts.host(valueOf('host')),
    principal: `spiffe://cluster.local/ns/${texts.namespace(valueOf('namespace'))}/sa/${texts.account(valueOf('principal'))}`,
    sourceIp: addressOf(valueOf('source-ip')),
    destinationPort: portOf(valueOf('port')),
    headers: { 'x-group': texts.header(valueOf('header')), ...more },
    claims,
  });
}

const allButOne: readonly Shape[] = DIMENSIONS.map((told): Shape => {
  const tokenHelps = told === 'claim' || told === 'request-principal';
  return {
    name: `f-${told}`,
    about: `mesh-wide, ten attributes a rule, all of them right but the ${told}`,
    target: 'adversarial',
    part: (rules) =>
      meshWide({
        name: `by-${told}`,
        rules,
        rule: (i) => constrained((dimension) => [dimension === told ? i : 'shared'], told === 'namespace'),
        ask: (i, random) => {
          const value = i ?? STRANGER + random.int(1_000_000);
          return askWith((dimension) => (dimension === told ? value : 'shared'), random);
        },
        ...(told === 'port' ? { firstLike: (i: number) => i % PORTS } : {}),
        tokenHelps,
      }),
  };
});

/** As many values as there are of an attribute in the overlapping set; a rule takes half of them. */
const VALUES = 8;
/** Its dimensions come in pairs: a request has the same value in both. */
const PAIRS = DIMENSIONS.length / 2;

/** Eight bits, four of them set: the values that a rule takes. */
const HALVES = Array.from({ length: 1 << VALUES }, (_, bits) => bits).filter(
  (bits) => bits.toString(2).replaceAll('0', '').length === VALUES / 2,
);
const ALL = (1 << VALUES) - 1;

/** A number from numbers, without order: the rules are the same at each making. */
function mixed(i: number, salt: number): number {
  let h = Math.imul(i + 1, 0x9e3779b1) ^ Math.imul(salt + 1, 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 16), 0x21f0aaad);
  h = Math.imul(h ^ (h >>> 15), 0x735a2d97);
  return (h ^ (h >>> 15)) >>> 0;
}

/**
 * Which values rule `i` takes in a dimension. In one pair of dimensions it takes a half in the one and the other
 * half in the other, so that no request gets through both; in all others any half.
 */
function acceptedBits(i: number, d: number): number {
  const pair = Math.floor(d / 2);
  if (mixed(i, 100) % PAIRS !== pair) return HALVES[mixed(i, d) % HALVES.length]!;
  const half = HALVES[mixed(i, 50) % HALVES.length]!;
  return d % 2 === 0 ? half : ALL ^ half;
}

const overlap: Shape = {
  name: 'f-overlap',
  about:
    'mesh-wide, ten attributes a rule; in each of them half of the rules take what the request has, and no rule or the last takes all',
  target: 'adversarial',
  part(rules) {
    // Takes every value, of requests that are marked for it.
    const open = lastAllowing(rules);
    const isOpen = (i: number): boolean => i === open;
    return meshWide({
      name: 'overlap',
      rules,
      kinds: ['last', 'miss'],
      firstLike: () => open,
      rule(i) {
        const parts = constrained((dimension) => {
          const bits = isOpen(i) ? ALL : acceptedBits(i, DIMENSIONS.indexOf(dimension));
          return Array.from({ length: VALUES }, (_, value) => value).filter((value) => (bits >> value) & 1);
        }, true);
        return isOpen(i) ? { ...parts, when: [...(parts.when ?? []), when(header('x-open'), ['yes'])] } : parts;
      },
      ask(i, random) {
        const drawn = Array.from({ length: PAIRS }, () => random.int(VALUES));
        return askWith(
          (dimension) => drawn[Math.floor(DIMENSIONS.indexOf(dimension) / 2)]!,
          random,
          i === null ? {} : { 'x-open': 'yes' },
        );
      },
    });
  },
};

export const adversarial: readonly Shape[] = [...allButOne, overlap];
