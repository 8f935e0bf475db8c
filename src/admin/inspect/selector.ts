/** To which workloads a policy applies, told apart and told. */
import type { CompiledPolicy } from '../../policy/compile/compiled-rule.ts';

export interface Selector {
  /** The same for the same workloads. */
  readonly id: string;
  readonly text: string;
  readonly namespace: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccounts: readonly string[] | null;
  readonly gateways: readonly string[] | null;
}

export function selectorOf(policy: CompiledPolicy, rootNamespace: string): Selector {
  const { matchLabels, serviceAccounts, targetGateways } = policy;
  // Gateways are those of the policy's own namespace, the root one too (policy-index/scope.ts).
  const everywhere = policy.namespace === rootNamespace && targetGateways === null;
  const namespace = everywhere ? null : policy.namespace;
  const labels = [...matchLabels].sort(([a], [b]) => (a < b ? -1 : 1));
  const accounts = serviceAccounts?.map((account) => `${account.namespace}/${account.name}`).sort() ?? null;
  const gateways = targetGateways?.toSorted() ?? null;
  return {
    id: JSON.stringify([namespace, labels, accounts, gateways]),
    text: textOf(namespace, labels, accounts, gateways),
    namespace,
    labels: Object.fromEntries(labels),
    serviceAccounts: accounts,
    gateways,
  };
}

function textOf(
  namespace: string | null,
  labels: readonly (readonly [string, string])[],
  accounts: readonly string[] | null,
  gateways: readonly string[] | null,
): string {
  const narrowed = [
    ...labels.map(([name, value]) => `${name}=${value}`),
    ...(accounts === null ? [] : [`account ${accounts.join(' or ')}`]),
    ...(gateways === null ? [] : [gateways.length === 0 ? 'nothing here' : `gateway ${gateways.join(' or ')}`]),
  ];
  const where = namespace ?? 'all namespaces';
  return narrowed.length === 0 ? (namespace === null ? where : `all of ${where}`) : `${where}: ${narrowed.join(', ')}`;
}
