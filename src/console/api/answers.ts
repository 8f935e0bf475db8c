/** What the admin API answers (src/admin/openapi.yaml), as far as this page reads it. Times are ISO texts. */

export type DecisionWord = 'allow' | 'deny';
export type RuleName = string | number | null;
export type Mode = 'enforce' | 'shadow' | 'dry-run';

export interface Problem {
  readonly severity: 'error' | 'warning' | 'note';
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly place: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly draining: boolean;
  readonly stale: boolean;
  readonly restored: boolean;
  readonly revision: string | null;
  readonly policies: number;
  readonly rules: number;
  readonly loadedAt: string | null;
  readonly errors: number;
  readonly warnings: number;
  readonly problems: readonly Problem[];
  readonly listeners: readonly { readonly listener: string; readonly warning: string }[];
  readonly identity: {
    readonly keys: readonly {
      readonly providers: readonly string[];
      readonly state: string;
      readonly lastError?: string | null;
    }[];
  };
}

interface Processes {
  readonly asked: number;
  readonly answered: number;
}

export interface Status {
  readonly at: string;
  readonly version: string;
  readonly node: string;
  readonly startedAt: string;
  readonly readiness: Readiness;
  readonly sources: { readonly policies: readonly string[] };
  readonly listeners: { readonly grpc: string; readonly transport: string; readonly tls: string };
  readonly processes: Processes & { readonly serving: number; readonly replaced: number };
}

interface Durations {
  readonly allow: { readonly counts: readonly number[] };
  readonly deny: { readonly counts: readonly number[] };
}

export interface Stats {
  readonly at: string;
  readonly startedAt: string;
  readonly processes: Processes;
  readonly checks: readonly { readonly decision: DecisionWord; readonly reason: string; readonly count: number }[];
  readonly boundsSeconds: readonly number[];
  readonly durations: Durations;
  readonly cache: { readonly hits: number; readonly misses: number; readonly entries: number };
}

export interface StatsHistory {
  readonly boundsSeconds: readonly number[];
  readonly points: readonly {
    readonly at: string;
    readonly checks: Readonly<Record<string, number>>;
    readonly durations: Durations;
    readonly cacheHits: number;
    readonly cacheMisses: number;
  }[];
}

export interface CalledWorkload {
  readonly namespace: string | null;
  readonly serviceAccount: string | null;
  readonly labels: Readonly<Record<string, string>> | null;
}

export interface Decision {
  readonly time: string;
  readonly id: string;
  readonly decision: DecisionWord;
  readonly reason: string;
  readonly meaning: string;
  readonly httpStatus: number;
  readonly policy: string | null;
  readonly rule: RuleName;
  readonly revision: string | null;
  readonly principal: string | null;
  readonly requestPrincipal: string | null;
  readonly workload: CalledWorkload | null;
  readonly method: string;
  readonly host: string;
  readonly path: string;
  readonly envoyRequestId: string | null;
  readonly traceId: string | null;
  readonly headers?: Readonly<Record<string, readonly string[]>>;
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly durationMicros: number;
  readonly cached: boolean;
  readonly explainable: boolean;
}

export interface DecisionPage {
  readonly decisions: readonly Decision[];
  readonly cursor: string;
  readonly missed: number;
}

export interface Selector {
  readonly id: string;
  readonly text: string;
  readonly namespace: string | null;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccounts: readonly string[] | null;
  readonly gateways: readonly string[] | null;
}

export interface Rule {
  readonly ordinal: number;
  readonly policy: string;
  readonly index: number;
  readonly name: string | null;
  readonly place: string | null;
  readonly hits: number;
  readonly shadowHits: number;
  readonly lastHitAt: string | null;
  readonly validFrom: string | null;
  readonly validUntil: string | null;
}

export interface Policy {
  readonly number: number;
  readonly policy: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly action: 'ALLOW' | 'DENY';
  readonly mode: Mode;
  readonly place: string | null;
  readonly workload: Selector;
  readonly ruleCount: number;
  readonly unusedRules: number;
  readonly hits: number;
  readonly shadowHits: number;
  readonly rules: readonly Rule[];
  readonly rulesTruncated: boolean;
}

export interface PolicyPage {
  readonly revision: string;
  readonly countedSince: string;
  readonly total: number;
  readonly policies: readonly Policy[];
  readonly next: string | null;
}

export interface Caller {
  readonly kind: string;
  readonly value: string;
}

export interface Operation {
  readonly methods: readonly string[] | null;
  readonly hosts: readonly string[] | null;
  readonly ports: readonly string[] | null;
  readonly paths: readonly string[] | null;
  readonly limits: readonly string[];
}

export interface Grant {
  readonly ordinal: number;
  readonly policy: string;
  readonly kind: string;
  readonly rule: RuleName;
  readonly action: 'ALLOW' | 'DENY';
  readonly mode: Mode;
  readonly workload: string;
  readonly from: readonly { readonly callers: readonly Caller[]; readonly limits: readonly string[] }[];
  readonly to: readonly Operation[];
  readonly conditions: readonly string[];
  readonly hits: number;
  readonly truncated: boolean;
}

export interface CallersPage {
  readonly revision: string;
  readonly defaultAction: 'ALLOW' | 'DENY';
  readonly countedSince: string;
  readonly total: number;
  readonly workloads: readonly Selector[];
  readonly grants: readonly Grant[];
  readonly next: string | null;
}

export interface TrafficEdge {
  readonly caller: string | null;
  readonly workload: (CalledWorkload & { readonly text: string }) | null;
  readonly method: string;
  readonly path: string;
  readonly policy: string | null;
  readonly kind: string | null;
  readonly rule: RuleName;
  readonly allowed: number;
  readonly denied: number;
  readonly lastSeenAt: string;
}

export interface Traffic {
  readonly since: string;
  readonly exact: boolean;
  readonly edges: readonly TrafficEdge[];
  readonly other: { readonly allowed: number; readonly denied: number };
  readonly truncated: boolean;
}

export interface Explanation {
  readonly decision: DecisionWord;
  readonly httpStatus: number;
  readonly reason: string;
  readonly policy: string | null;
  readonly rule: RuleName;
  readonly revision: string;
  readonly headersSet: Readonly<Record<string, string>>;
  readonly headersRemoved: readonly string[];
  readonly shadow: { readonly decision: DecisionWord; readonly policy: string | null; readonly rule: RuleName } | null;
  readonly meaning: string;
  readonly workload: string | null;
  readonly workloadSource: string | null;
  readonly unverifiedProof: boolean;
  readonly refusal: string | null;
  readonly policies: readonly ExplainedPolicy[];
  readonly truncated: boolean;
}

export interface ExplainedPolicy {
  readonly kind: string;
  readonly policy: string;
  readonly action: 'ALLOW' | 'DENY';
  readonly mode: Mode;
  readonly rules: readonly {
    readonly rule: string;
    readonly index: number;
    readonly matched: boolean;
    readonly firstFailed: {
      readonly field: string;
      readonly wanted: readonly string[];
      readonly actual: string;
    } | null;
  }[];
  readonly omittedRules: number;
}

export interface Explained {
  readonly decided: Decision | null;
  readonly policiesOfDecision: boolean;
  readonly revision: string | null;
  readonly at: string;
  readonly notes: readonly string[];
  readonly explanation: Explanation | null;
}
