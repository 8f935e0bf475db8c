/** Which workload an address is: the WorkloadEntries of a set, by address. */
import { toByteString } from '../attributes/bytes.ts';
import { parseIp } from '../attributes/address.ts';
import type { IpAddress } from '../attributes/address.ts';
import type { Steps } from '../lib/steps.ts';
import type { WorkloadEntry } from '../policy/model.ts';
import type { Workload } from '../attributes/workload.ts';

export interface Inventory {
  /** null: no entry; `conflict`: entries that say different things. */
  find(address: IpAddress): Workload | 'conflict' | null;
}

/** A step for each entry. */
export function* buildInventory(entries: readonly WorkloadEntry[]): Steps<Inventory> {
  const byAddress = new Map<string, Workload | 'conflict'>();
  for (const entry of entries) {
    yield;
    const address = parseIp(entry.address);
    if (address === null) throw new TypeError(`WorkloadEntry ${entry.namespace}/${entry.name}: not an IP address`);
    const workload: Workload = {
      source: 'inventory',
      namespace: entry.namespace,
      serviceAccount: entry.serviceAccount,
      labels: new Map([...entry.labels].map(([name, value]) => [toByteString(name), toByteString(value)])),
    };
    const earlier = byAddress.get(address);
    byAddress.set(
      address,
      earlier === undefined || (earlier !== 'conflict' && sameWorkload(earlier, workload)) ? workload : 'conflict',
    );
  }
  return { find: (address) => byAddress.get(address) ?? null };
}

function sameWorkload(a: Workload, b: Workload): boolean {
  if (a.namespace !== b.namespace || a.serviceAccount !== b.serviceAccount) return false;
  if (a.labels === null || b.labels === null || a.labels.size !== b.labels.size) return a.labels === b.labels;
  for (const [name, value] of a.labels) if (b.labels.get(name) !== value) return false;
  return true;
}
