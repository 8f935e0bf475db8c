/**
 * What every shape is: a set of so many rules, and requests of which it is known, from how both were made,
 * which rule decides them.
 */
import type { PolicyKind, Policy, PolicySet, Action } from '../../../src/policy/model.ts';
import type { Ask } from '../../../test/extauthz/support/engine.ts';
import type { Random } from '../../lib/random.ts';
import { policy } from './model.ts';
import type { RuleParts } from './model.ts';

/**
 * Which rule decides a request: one of the first, any, one of the last in report order, or none. `anonymous`: none,
 * and there is no token, so that it has to be found out whether one would have helped.
 */
export type RequestKind = 'early' | 'random' | 'last' | 'miss' | 'anonymous';

export interface ShapeRequest {
  readonly ask: Ask;
  /** As {@link ../engine.ts} tells a decision: `allow_rule istio-system/p-000001[3]`, `no_rule_matched`. */
  readonly expected: string;
}

/** A set and its requests. Several parts can be put into one set: the requests of one match no rule of another. */
export interface Part {
  /** Made anew at each call, so that nobody holds on to them. */
  policies(): readonly Policy[];
  readonly kinds: readonly RequestKind[];
  request(kind: RequestKind, random: Random): ShapeRequest;
}

/** `flat`: cost must not grow with the number of rules. `adversarial`: it may, a little. `none`: no claim is made. */
export type Target = 'flat' | 'adversarial' | 'none';

export interface Shape {
  readonly name: string;
  readonly about: string;
  readonly target: Target;
  part(rules: number): Part;
}

export const ROOT_NAMESPACE = 'istio-system';
/** As many as people put into one policy before they begin another. */
export const RULES_PER_POLICY = 10;

/** Policies take turns, so that both languages and both actions are in every set. */
const TURNS: readonly (readonly [PolicyKind, Action])[] = [
  ['AccessPolicy', 'ALLOW'],
  ['AuthorizationPolicy', 'ALLOW'],
  ['AccessPolicy', 'DENY'],
  ['AuthorizationPolicy', 'DENY'],
];

export interface MeshWideOptions {
  /** Of policies; unlike other parts' of the same set. */
  readonly name: string;
  readonly rules: number;
  rule(i: number): RuleParts;
  /** A request that rule `i` matches and no other; null: that none does. Texts differ with every call. */
  ask(i: number | null, random: Random): Ask;
  /** The first of the rules that are equal to rule `i`; default: there are none. */
  readonly firstLike?: (i: number) => number;
  /** Does a token help a request that `ask(null)` made? Left out: the rules do not look at tokens. */
  readonly tokenHelps?: boolean;
  /** Default: all. */
  readonly kinds?: readonly RequestKind[];
  /** The rules say what an AuthorizationPolicy cannot. */
  readonly accessOnly?: boolean;
}

/**
 * The last rule, in report order, of a policy that allows: AuthorizationPolicies come behind AccessPolicies. `rules` is
 * a multiple of {@link RULES_PER_POLICY}.
 */
export function lastAllowing(rules: number): number {
  const policies = Math.floor(rules / RULES_PER_POLICY);
  const last = policies < 2 ? policies - 1 : policies - 1 - ((policies - 2) % TURNS.length);
  return last * RULES_PER_POLICY + RULES_PER_POLICY - 1;
}

/** Policies of the root namespace without selector: every rule is in scope for every workload. */
export function meshWide(options: MeshWideOptions): Part {
  const { name, rules, firstLike = (i: number) => i, tokenHelps } = options;
  const policyCount = Math.ceil(rules / RULES_PER_POLICY);
  const turnOf = (p: number): readonly [PolicyKind, Action] => TURNS[p % TURNS.length]!;
  const nameOf = (p: number): string => `${name}-${String(p).padStart(6, '0')}`;
  const kinds: RequestKind[] = ['early', 'random', 'last', 'miss'];
  if (tokenHelps !== undefined) kinds.push('anonymous');

  function chosen(kind: RequestKind, random: Random): number | null {
    switch (kind) {
      case 'early':
        return random.int(RULES_PER_POLICY);
      case 'random':
        return random.int(rules);
      case 'last':
        return lastAllowing(rules) - random.int(RULES_PER_POLICY);
      case 'miss':
      case 'anonymous':
        return null;
    }
  }

  function expected(i: number): string {
    const first = firstLike(i);
    const p = Math.floor(first / RULES_PER_POLICY);
    const reason = turnOf(p)[1] === 'ALLOW' ? 'allow_rule' : 'deny_rule';
    return `${reason} ${ROOT_NAMESPACE}/${nameOf(p)}[${first % RULES_PER_POLICY}]`;
  }

  return {
    kinds: options.kinds ?? kinds,
    policies: () =>
      Array.from({ length: policyCount }, (_, p) => {
        const [kind, action] = turnOf(p);
        const language = options.accessOnly === true ? 'AccessPolicy' : kind;
        const from = p * RULES_PER_POLICY;
        const count = Math.min(RULES_PER_POLICY, rules - from);
        return policy(
          { kind: language, action, namespace: ROOT_NAMESPACE, name: nameOf(p) },
          Array.from({ length: count }, (_unused, j) => options.rule(from + j)),
        );
      }),
    request(kind, random) {
      const i = chosen(kind, random);
      const asked = options.ask(i, random);
      if (kind !== 'anonymous') return { ask: asked, expected: i === null ? 'no_rule_matched' : expected(i) };
      const { claims: _claims, ...anonymous } = asked;
      return { ask: anonymous, expected: tokenHelps === true ? 'token_required' : 'no_rule_matched' };
    },
  };
}

/** An ordinary request that matches no rule of any shape, with its own path, address, subject and ids. */
export function ordinaryRequest(random: Random, parts: Ask = {}): Ask {
  const hex = (): string =>
    random
      .int(2 ** 32)
      .toString(16)
      .padStart(8, '0');
  return {
    method: 'GET',
    path: `/ordinary/${hex()}/view`,
    host: 'ordinary.shop.example',
    principal: 'spiffe://cluster.local/ns/ordinary/sa/caller',
    sourceIp: `192.0.2.${1 + random.int(250)}`,
    destinationIp: '10.96.0.10',
    destinationPort: 8080,
    destinationPrincipal: 'spiffe://cluster.local/ns/ordinary/sa/server',
    destinationLabels: { app: 'ordinary' },
    claims: { iss: 'https://login.example.com', sub: `user-${random.int(1_000_000)}`, aud: 'shop' },
    ...parts,
    headers: {
      accept: 'application/json',
      'accept-encoding': 'gzip, br',
      'content-type': 'application/json',
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0 Safari/537.36',
      'x-envoy-attempt-count': '1',
      'x-forwarded-for': '203.0.113.9',
      'x-forwarded-proto': 'https',
      'x-mesh': 'on',
      'x-request-id': `${hex()}-${hex()}-${hex()}`,
      traceparent: `00-${hex()}${hex()}${hex()}${hex()}-${hex()}${hex()}-01`,
      ...parts.headers,
    },
  };
}

export function policySetOf(part: Part): PolicySet {
  return { policies: part.policies(), groups: new Map(), workloads: [], authentications: [] };
}
