/** The index for people: how the rules of a workload, or all of them, are filed. */
import { toByteString } from '../../attributes/bytes.ts';
import type { Workload } from '../../attributes/workload.ts';
import type { FlatSnapshot } from '../../policy-index/flat/flat-snapshot.ts';
import { printEntries } from '../../policy-index/flat/print.ts';
import { isSecretName } from '../../lib/secret-name.ts';
import { buildScope } from '../../policy-index/scope.ts';
import { describeWorkload } from '../../pdp/resolve-workload.ts';
import type { RuleIndex } from '../../policy-index/rule-index.ts';
import { HttpError } from '../route.ts';
import type { AskedWorkload } from './messages.ts';

/** A page that somebody reads. */
const MAX_LINES = 2000;

export function indexPrint(flat: FlatSnapshot, asked: AskedWorkload | null, rootNamespace: string): object {
  if (asked === null) {
    const shown = Math.min(flat.entryCount, MAX_LINES);
    const entries = Array.from({ length: shown }, (_, entry) => entry);
    return told(flat, null, [['all rules', printEntries(flat, entries, isSecret)]], shown < flat.entryCount);
  }
  const workload = workloadOf(asked);
  const scope = buildScope(flat, workload, rootNamespace, null);
  if (scope === null) {
    const message = 'some policy asks for more of the workload than is said here: name its account and its labels';
    throw new HttpError(400, 'workload-unresolved', message);
  }
  const sections: [string, string][] = [
    ['DENY', print(flat, scope.deny)],
    ['ALLOW', print(flat, scope.allow)],
    ['DENY, not obeyed', print(flat, scope.shadowDeny)],
    ['ALLOW, not obeyed', print(flat, scope.shadowAllow)],
  ];
  return told(flat, describeWorkload(workload), sections, false);
}

function print(flat: FlatSnapshot, { rules }: RuleIndex): string {
  const ordinals = new Set(rules.map(({ ordinal }) => ordinal));
  const all = Array.from({ length: flat.entryCount }, (_, entry) => entry);
  const entries = all.filter((entry) => ordinals.has(flat.ordinalOfEntry(entry)));
  return printEntries(flat, entries, isSecret);
}

/** `header x-token`: what it is compared with is no more told than what requests have there. */
function isSecret(table: string): boolean {
  return isSecretName(table.slice(table.indexOf(' ') + 1));
}

function told(
  flat: FlatSnapshot,
  workload: string | null,
  sections: readonly (readonly [string, string])[],
  cut: boolean,
): object {
  let left = MAX_LINES;
  let truncated = cut;
  return {
    revision: flat.revision,
    workload,
    sections: sections.map(([title, text]) => {
      const lines = text.split('\n');
      const shown = lines.slice(0, Math.max(1, left));
      left -= shown.length;
      truncated ||= shown.length < lines.length;
      return { title, lines: shown };
    }),
    truncated,
  };
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
