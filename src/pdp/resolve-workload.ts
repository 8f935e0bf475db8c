/**
 * Which workload is called: the first source that says something, never merged, never from a header.
 */
import { toText } from '../attributes/bytes.ts';
import { unmapIpv4 } from '../attributes/address.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { FOREIGN_ACCOUNT, UNKNOWN_WORKLOAD } from '../attributes/workload.ts';
import type { Workload } from '../attributes/workload.ts';

export function resolveWorkload(request: RequestAttributes, snapshot: PolicySnapshot): Workload | 'conflict' {
  const { workloadSource } = snapshot.settings;
  const accepts = (source: typeof workloadSource): boolean => workloadSource === '' || workloadSource === source;
  if (accepts('contextExtensions')) {
    const workload = fromContextExtensions(request.source.contextExtensions);
    if (workload !== null) return workload;
  }
  if (accepts('inventory')) {
    const found = fromInventory(request, snapshot);
    if (found !== null) return found;
  }
  if (workloadSource === '' && request.source.destinationLabels.size > 0)
    return {
      ...fromPrincipal(request, snapshot),
      source: 'labels',
      labels: request.source.destinationLabels,
    };
  return accepts('principal') ? fromPrincipal(request, snapshot) : UNKNOWN_WORKLOAD;
}

const LABEL_PREFIX = 'label.';

function fromContextExtensions(extensions: ReadonlyMap<string, string>): Workload | null {
  if (extensions.size === 0) return null;
  const labels = new Map<string, string>();
  for (const [key, value] of extensions)
    if (key.startsWith(LABEL_PREFIX)) labels.set(key.slice(LABEL_PREFIX.length), value);
  // Left empty, they name nothing: no namespace is called "", and no policy would apply to it.
  const namespace = extensions.get('namespace') || null;
  const serviceAccount = extensions.get('serviceAccount') || null;
  if (namespace === null && serviceAccount === null && labels.size === 0) return null;
  return { source: 'contextExtensions', namespace, serviceAccount, labels: labels.size === 0 ? null : labels };
}

function fromInventory(request: RequestAttributes, snapshot: PolicySnapshot): Workload | 'conflict' | null {
  const address = request.destinationIp;
  if (address === null) return null;
  const mapped = unmapIpv4(address);
  const found = snapshot.workloadAt(address) ?? (mapped === null ? null : snapshot.workloadAt(mapped));
  if (found === null || found === 'conflict' || found.serviceAccount === null) return found;
  const id = request.destinationId;
  if (id === null) return found;
  const agrees =
    snapshot.ourTrustDomains.has(id.trustDomain) &&
    id.namespace === found.namespace &&
    id.serviceAccount === found.serviceAccount;
  return agrees ? found : 'conflict';
}

function fromPrincipal(request: RequestAttributes, snapshot: PolicySnapshot): Workload {
  const id = request.destinationId;
  if (id?.namespace == null) return UNKNOWN_WORKLOAD;
  return {
    source: 'principal',
    namespace: id.namespace,
    serviceAccount: snapshot.ourTrustDomains.has(id.trustDomain) ? id.serviceAccount : FOREIGN_ACCOUNT,
    labels: null,
  };
}

/** For reports: `shop/orders (app=orders)`. */
export function describeWorkload(workload: Workload): string {
  const account = workload.serviceAccount === FOREIGN_ACCOUNT ? 'a foreign account' : (workload.serviceAccount ?? '?');
  const labels = [...(workload.labels ?? [])].map(([name, value]) => `${toText(name)}=${toText(value)}`).join(',');
  return `${toText(workload.namespace ?? '?')}/${toText(account)}${labels === '' ? '' : ` (${labels})`}`;
}
