import { compareText } from '../lib/compare-text.ts';
import type { PolicyKind } from './model.ts';

interface Named {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
}

/** Order of reports, and of which rule responds: AccessPolicy before AuthorizationPolicy, then namespace, then name. */
export function compareReportOrder(a: Named, b: Named): number {
  return compareText(a.kind, b.kind) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}
