import type { AttributeSettings } from '../attributes/request-attributes.ts';

/** Those settings of the service on which decisions depend. */
export interface DecisionSettings extends AttributeSettings {
  /** When no ALLOW policy applies to the workload. ALLOW is Istio's rule. */
  readonly defaultAction: 'ALLOW' | 'DENY';
  readonly rootNamespace: string;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly ambiguousPaths: 'deny' | 'evaluate';
  /** Accept only this source of which workload is called; empty: the first that is there. */
  readonly workloadSource: '' | 'contextExtensions' | 'inventory' | 'principal';
  /** One text for all settings that change decisions or answers (config/fingerprint): part of the revision. */
  readonly fingerprint: string;
  readonly xfcc: {
    readonly enabled: boolean;
    readonly trustedPeers: readonly string[];
    /** Which element, from the right, 1 being the last; 0: there must be exactly one. */
    readonly depth: number;
    /** Whether the header is believed of connections without a principal (identity/identify.ts). Absent: never. */
    readonly trustEmptyPeer?: 'never' | 'marked' | 'always';
  };
}
