/** (a) A mesh of many services, each with ten rules of its own. */
import { ordinaryRequest, RULES_PER_POLICY } from './shape.ts';
import type { Part, RequestKind, Shape } from './shape.ts';
import { operation, policy, source } from './model.ts';
import type { RuleParts } from './model.ts';
import type { Policy } from '../../../src/policy/model.ts';
import type { Ask } from '../../../test/extauthz/support/engine.ts';
import type { Random } from '../../lib/random.ts';

/** Of the ten; the others deny. */
const ALLOWING = 8;
const SERVICES_PER_NAMESPACE = 20;
const KINDS: readonly RequestKind[] = ['early', 'random', 'last', 'miss'];

export const services: Shape = {
  name: 'a-services',
  about: 'ten rules for each of many services; a request to any of them',
  target: 'flat',
  part: (rules) => serviceRules(rules),
};

export function serviceRules(rules: number): Part {
  const count = Math.ceil(rules / RULES_PER_POLICY);
  return {
    kinds: KINDS,
    policies: () => Array.from({ length: count }, (_, s) => policiesOf(s)).flat(),
    request(kind, random) {
      const s = random.int(count);
      const denies = kind === 'random' && random.int(RULES_PER_POLICY) >= ALLOWING;
      if (denies) {
        const j = random.int(RULES_PER_POLICY - ALLOWING);
        return {
          ask: askService(s, random, deniedBy(j)),
          expected: `deny_rule ${namespaceOf(s)}/deny-${name(s)}[${j}]`,
        };
      }
      if (kind === 'miss') return { ask: askService(s, random), expected: 'no_rule_matched' };
      const j = kind === 'early' ? 0 : kind === 'last' ? ALLOWING - 1 : random.int(ALLOWING);
      return {
        ask: askService(s, random, allowedBy(s, j, random)),
        expected: `allow_rule ${namespaceOf(s)}/allow-${name(s)}[${j}]`,
      };
    },
  };
}

/** A request of nobody in particular to service `s`, or what `parts` say. */
export function askService(s: number, random: Random, parts: Ask = {}): Ask {
  return ordinaryRequest(random, {
    destinationPrincipal: `spiffe://cluster.local/ns/${namespaceOf(s)}/sa/${name(s)}`,
    destinationLabels: { app: name(s), version: 'v1' },
    ...parts,
  });
}

const name = (s: number): string => `svc-${String(s).padStart(6, '0')}`;
const namespaceOf = (s: number): string => `team-${Math.floor(s / SERVICES_PER_NAMESPACE)}`;
const callerOf = (s: number, j: number): string => `cluster.local/ns/${namespaceOf(s)}/sa/caller-${s + j}`;

function policiesOf(s: number): Policy[] {
  const kind = s % 2 === 0 ? 'AccessPolicy' : 'AuthorizationPolicy';
  const parts = { kind, namespace: namespaceOf(s), labels: { app: name(s) } } as const;
  return [
    policy(
      { ...parts, action: 'ALLOW', name: `allow-${name(s)}` },
      Array.from({ length: ALLOWING }, (_, j) => allowRule(s, j)),
    ),
    policy(
      { ...parts, action: 'DENY', name: `deny-${name(s)}` },
      Array.from({ length: RULES_PER_POLICY - ALLOWING }, (_, j) => ({
        to: [operation({ paths: [`/internal-${j}`, `/internal-${j}/*`] })],
      })),
    ),
  ];
}

function allowRule(s: number, j: number): RuleParts {
  return {
    from: [source({ principals: [callerOf(s, j)] })],
    to: [
      j % 2 === 0
        ? operation({ methods: ['GET', 'HEAD'], paths: [`/api/v1/kind-${j}`, `/api/v1/kind-${j}/{*}`] })
        : operation({ methods: ['GET', 'POST'], paths: [`/api/v1/kind-${j}/*`] }),
    ],
  };
}

function allowedBy(s: number, j: number, random: Random): Ask {
  return { principal: `spiffe://${callerOf(s, j)}`, path: `/api/v1/kind-${j}/${random.int(1_000_000)}` };
}

function deniedBy(j: number): Ask {
  return { path: `/internal-${j}/state` };
}
