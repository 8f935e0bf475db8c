/** The index for people: how the rules of a workload, or all of them, are filed. */
import { toByteString } from '../../attributes/bytes.ts';
import type { Workload } from '../../attributes/workload.ts';
import type { FlatSnapshot } from '../../policy-index/flat/flat-snapshot.ts';
import { printEntries } from '../../policy-index/flat/print.ts';
import { isSecretName } from '../../lib/secret-name.ts';
import { buildScope, policyApplies } from '../../policy-index/scope.ts';
import { describeWorkload } from '../../pdp/resolve-workload.ts';
import { HttpError } from '../route.ts';
import type { AskedWorkload } from './messages.ts';

/** A page that somebody reads. */
const MAX_LINES = 2000;

export function indexPrint(flat: FlatSnapshot, asked: AskedWorkload | null, rootNamespace: string): object {
  if (asked === null) {
    const all = Array.from({ length: flat.entryCount }, (_, entry) => entry);
    return told(flat, null, [['all rules', all]]);
  }
  const workload = workloadOf(asked);
  if (buildScope(flat, workload, rootNamespace, null) === null) {
    const message = 'some policy asks for more of the workload than is said here: name its account and its labels';
    throw new HttpError(400, 'workload-unresolved', message);
  }
  const sections = new Map<string, number[]>(
    ['DENY', 'ALLOW', 'DENY, not obeyed', 'ALLOW, not obeyed'].map((title) => [title, []]),
  );
  for (const { policy, entries } of flat.attachments(workload, rootNamespace)) {
    if (policyApplies(policy, workload, rootNamespace) !== true) continue;
    const title = policy.mode === 'enforce' ? policy.action : `${policy.action}, not obeyed`;
    // One by one: there may be more than a call takes arguments.
    for (const entry of flat.postings.entries(entries)) sections.get(title)?.push(entry);
  }
  for (const entries of sections.values()) entries.sort((a, b) => a - b);
  return told(flat, describeWorkload(workload), [...sections]);
}

function told(
  flat: FlatSnapshot,
  workload: string | null,
  sections: readonly (readonly [title: string, entries: readonly number[]])[],
): object {
  let left = MAX_LINES;
  let truncated = false;
  return {
    revision: flat.revision,
    workload,
    sections: sections.map(([title, entries]) => {
      const shown = entries.slice(0, left);
      left -= shown.length;
      truncated ||= shown.length < entries.length;
      // The first line counts what is printed.
      const [, ...lines] = shown.length === 0 ? [''] : printEntries(flat, shown, isSecret).split('\n');
      return { title, lines: [`${entries.length} entries`, ...lines] };
    }),
    truncated,
  };
}

/** `header x-token`: what it is compared with is no more told than what requests have there. */
function isSecret(table: string): boolean {
  return isSecretName(table.slice(table.indexOf(' ') + 1));
}

function workloadOf({ namespace, serviceAccount, labels }: AskedWorkload): Workload {
  return {
    source: 'contextExtensions',
    namespace: namespace === null ? null : toByteString(namespace),
    serviceAccount: serviceAccount === null ? null : toByteString(serviceAccount),
    labels:
      labels === null
        ? null
        : new Map([...labels].map(([name, value]) => [toByteString(name), toByteString(value)] as const)),
  };
}
