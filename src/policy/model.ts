/**
 * The policy language as data: what parsing and validation hand to the compiler.
 *
 * Everything here is plain, frozen data (it can cross a thread boundary). Strings are JavaScript
 * strings as written by people; the compiler turns them into byte strings (see attributes/bytes.ts).
 */
import type { Position } from '../lib/diagnostic.ts';
import type { Authentication } from './identity-model.ts';

export type PolicyKind = 'AccessPolicy' | 'AuthorizationPolicy';

/** What a policy does. AUDIT never decides and CUSTOM is skipped; both stay out of {@link PolicySet}. */
export type Action = 'ALLOW' | 'DENY';

/** `shadow`: AccessPolicy `mode: Shadow`. `dry-run`: Istio's annotation `istio.io/dry-run`. */
export type Mode = 'enforce' | 'shadow' | 'dry-run';

/** Which requests that a policy allows are recorded: all, none, or the share that the configuration says. */
export type AuditMode = 'all' | 'denied' | 'sample';

export interface Policy {
  readonly kind: PolicyKind;
  readonly namespace: string;
  readonly name: string;
  readonly action: Action;
  readonly mode: Mode;
  /** AccessPolicy `spec.audit`; absent: as `sample`. */
  readonly audit?: AuditMode | undefined;
  /** Labels that the called workload must have, all of them; empty: no condition. */
  readonly matchLabels: ReadonlyMap<string, string>;
  /** AccessPolicy `spec.serviceAccounts`, as written, or null when absent. */
  readonly serviceAccounts: readonly ServiceAccountRef[] | null;
  /**
   * AuthorizationPolicy `targetRefs`/`targetRef`: names of Gateways of the policy's own namespace that
   * the policy attaches to; null when there are none (an ordinary policy); an empty list when it
   * names only other kinds, so that it never attaches to a workload here.
   */
  readonly targetGateways: readonly string[] | null;
  readonly rules: readonly Rule[];
  readonly position: Position;
}

export interface ServiceAccountRef {
  /** Never empty: the policy's namespace when only `sa` was written. */
  readonly namespace: string;
  readonly name: string;
}

export interface Rule {
  /** Position in `spec.rules`, from 0. */
  readonly index: number;
  /** AccessPolicy rule `name`, or null. */
  readonly name: string | null;
  /** Alternatives; null when absent or empty: any source. */
  readonly from: readonly Source[] | null;
  /** Alternatives; null when absent or empty: any operation. */
  readonly to: readonly Operation[] | null;
  /** All must hold. */
  readonly when: readonly Condition[];
  /** CEL source, or null. */
  readonly condition: CelSource | null;
  readonly valid: ValidWindow | null;
  readonly respond: Respond | null;
  readonly position: Position;
}

/** A list field: the values, as written, with the place of the field. Never empty (an empty list is as if absent). */
export interface ValueList {
  readonly values: readonly string[];
  readonly position: Position;
}

export type SourceField =
  | 'principals'
  | 'requestPrincipals'
  | 'namespaces'
  | 'serviceAccounts'
  | 'trustDomains'
  | 'ipBlocks'
  | 'remoteIpBlocks'
  | 'groups';

export type OperationField = 'hosts' | 'ports' | 'methods' | 'paths';

/** Fields present in one `source`; `not` holds the notX fields under the positive name. */
export interface Source {
  readonly is: Readonly<Partial<Record<SourceField, ValueList>>>;
  readonly not: Readonly<Partial<Record<SourceField, ValueList>>>;
  readonly position: Position;
}

export interface Operation {
  readonly is: Readonly<Partial<Record<OperationField, ValueList>>>;
  readonly not: Readonly<Partial<Record<OperationField, ValueList>>>;
  readonly position: Position;
}

export interface Condition {
  /** As written, e.g. `request.headers[x-token]`. Already validated: {@link AttributeKey} is its parsed form. */
  readonly key: AttributeKey;
  readonly values: ValueList | null;
  readonly notValues: ValueList | null;
  readonly position: Position;
}

/** The keys that `when` and `${…}` take (istio.io/istio pkg/config/security, ValidateAttribute). */
export type AttributeKey = { readonly text: string } & (
  | { readonly kind: 'request.headers'; /** Lower case. */ readonly name: string }
  | {
      readonly kind:
        | 'source.ip'
        | 'remote.ip'
        | 'source.namespace'
        | 'source.serviceAccount'
        | 'source.principal'
        | 'source.trustDomain'
        | 'request.auth.principal'
        | 'request.auth.audiences'
        | 'request.auth.presenter'
        | 'destination.ip'
        | 'destination.port'
        | 'connection.sni';
    }
  | { readonly kind: 'request.auth.claims'; readonly path: readonly string[] }
  | { readonly kind: 'metadata'; /** Envoy filter name. */ readonly filter: string; readonly path: readonly string[] }
);

export interface CelSource {
  readonly text: string;
  readonly position: Position;
}

/** Milliseconds since the epoch; the rule counts while `fromMs <= now < untilMs`. null: no bound on that side. */
export interface ValidWindow {
  readonly fromMs: number | null;
  readonly untilMs: number | null;
}

/** What a matching rule does to the request and the response. All header names are lower case. */
export interface Respond {
  readonly request: {
    readonly set: ReadonlyMap<string, Template>;
    readonly remove: readonly string[];
    readonly query: { readonly set: ReadonlyMap<string, Template>; readonly remove: readonly string[] };
  };
  readonly response: { readonly set: ReadonlyMap<string, Template> };
  /** Only in rules of DENY policies; null when absent. */
  readonly deny: {
    readonly status: number | null;
    readonly body: Template | null;
    readonly headers: ReadonlyMap<string, Template>;
  } | null;
}

/** `${…}` text cut into literals and attributes, in order. A literal `$` is written `$$`. */
export interface Template {
  readonly parts: readonly TemplatePart[];
  readonly position: Position;
}

export type TemplatePart =
  | { readonly kind: 'literal'; readonly text: string }
  | { readonly kind: 'attribute'; readonly key: AttributeKey }
  | { readonly kind: 'decision'; readonly field: DecisionField };

/** `${decision.id}` and so on. `policy` is `ns/name`. */
export type DecisionField = 'id' | 'policy' | 'rule' | 'reason' | 'revision';

/** `portcullis.dev/v1 PrincipalGroup`: a principal is a member when any of these holds. */
export interface PrincipalGroup {
  readonly namespace: string;
  readonly name: string;
  /** SPIFFE IDs without the scheme (`td/ns/x/sa/y`): exact, `prefix*`, `*suffix` or `*`. */
  readonly spiffeIds: readonly string[];
  /** Token subjects, each bound to one issuer; exact. */
  readonly subjects: readonly { readonly issuer: string; readonly subjects: readonly string[] }[];
  /** Claim values, each bound to one issuer; values exact, `prefix*`, `*suffix` or `*`. */
  readonly claims: readonly {
    readonly issuer: string;
    readonly path: readonly string[];
    readonly values: readonly string[];
  }[];
  /** Nested groups, resolved to `namespace/name`; never cyclic, all known. */
  readonly groups: readonly string[];
  readonly position: Position;
}

/** `networking.istio.io/v1 WorkloadEntry`: which workload an address is. */
export interface WorkloadEntry {
  readonly namespace: string;
  readonly name: string;
  /** Canonical text of an IP address (see attributes/address.ts). */
  readonly address: string;
  readonly labels: ReadonlyMap<string, string>;
  /** null when the entry does not say. */
  readonly serviceAccount: string | null;
  readonly position: Position;
}

/** A whole validated set: the compiler's input. Policies are in report order (DESIGN: Combining). */
export interface PolicySet {
  readonly policies: readonly Policy[];
  /** By `namespace/name`. */
  readonly groups: ReadonlyMap<string, PrincipalGroup>;
  readonly workloads: readonly WorkloadEntry[];
  /**
   * Who proves what, as far as it is verified here: no RequestAuthentication while `identity.jwtMetadata` is set,
   * since then Envoy verifies. By namespace, then name, then kind.
   */
  readonly authentications: readonly Authentication[];
}
