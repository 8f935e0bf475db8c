/**
 * Rules that no request of the vectors meets, put beside a set's own: the index goes through a scope of few rules without
 * looking anything up, and most sets are that small.
 */
import { loadPolicySet } from '../../src/policy/load.ts';
import type { Policy, PolicySet } from '../../src/policy/model.ts';
import { compareReportOrder } from '../../src/policy/report-order.ts';

type Action = Policy['action'];

/** Above what is gone through without the index, and below what needs bitmaps (policy-index/flat/entry-query.ts). */
const FEW = 16;
/** More than are looked at one by one, so that sets of them are intersected; of both actions together. */
const MANY = 260;

/** Each is found by its path, which no request has. */
const FEW_RULES = Array.from({ length: FEW }, (_, i) => ({ to: [{ operation: { paths: [`/padding/${i}`] } }] }));
/** Of two fields a rule is looked for by the one with fewer values, which here is met by every request. */
const MANY_RULES = Array.from({ length: MANY }, () => ({
  to: [{ operation: { methods: ['*'], paths: ['/padding/a', '/padding/b', '/padding/c'] } }],
}));

export type Amount = 'few' | 'many';

const PADDING: Readonly<Record<Amount, readonly Policy[]>> = {
  few: policiesOf(FEW_RULES),
  many: policiesOf(MANY_RULES),
};

/** `actions`: where the padding goes. An ALLOW policy where there was none would change what is decided. */
export function padded(set: PolicySet, amount: Amount, actions: readonly Action[]): PolicySet {
  const padding = PADDING[amount]
    .filter(({ action }) => actions.includes(action))
    .map((policy) => ({ ...policy, rules: policy.rules.slice(0, policy.rules.length / actions.length) }));
  return { ...set, policies: [...set.policies, ...padding].sort(compareReportOrder) };
}

/** One policy an action, for all workloads. */
function policiesOf(rules: readonly unknown[]): readonly Policy[] {
  const items = ['ALLOW', 'DENY'].map((action) => ({
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name: `padding-${action.toLowerCase()}`, namespace: 'istio-system' },
    spec: { action, rules },
  }));
  const text = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
  const { set } = loadPolicySet([{ path: 'padding.json', text }], {
    rootNamespace: 'istio-system',
    trustDomain: 'cluster.local',
    trustDomainAliases: [],
    allowEmpty: true,
    jwtMetadata: '',
    remoteIpConfigured: true,
  });
  if (set === null) throw new Error('the padding does not load');
  return set.policies;
}
