/** Who and what, shortened for people: the whole text stays at hand where these are shown. */
import type { CalledWorkload } from '../api/answers.ts';

const SPIFFE = /^(?:spiffe:\/\/)?([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/;

/** `edge/gateway` for `spiffe://cluster.local/ns/edge/sa/gateway`; other trust domains stay. */
export function callerText(principal: string | null, trustDomain = 'cluster.local'): string {
  if (principal === null || principal === '') return 'nobody known';
  const parts = SPIFFE.exec(principal);
  if (parts === null) return principal.replace(/^spiffe:\/\//, '');
  const [, domain, namespace, account] = parts;
  return domain === trustDomain ? `${namespace!}/${account!}` : `${namespace!}/${account!} of ${domain!}`;
}

/** `shop/orders`; without an account its labels. */
export function workloadText(workload: CalledWorkload | null): string {
  if (workload === null) return 'not resolved';
  const { namespace, serviceAccount, labels } = workload;
  const name = serviceAccount ?? labels?.['app'] ?? (labels === null ? null : labelsText(labels));
  return `${namespace ?? '?'}/${name === null || name === '' ? '?' : name}`;
}

export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}

/** `orders · support-reads`; the number of a rule without a name. */
export function ruleText(policy: string | null, rule: string | number | null): string {
  if (policy === null) return '–';
  return rule === null ? policy : `${policy} · ${typeof rule === 'number' ? `rule ${rule}` : rule}`;
}
