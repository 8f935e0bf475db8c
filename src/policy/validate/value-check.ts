import type { StringNode } from '../parse/expect.ts';
import type { LanguageOptions } from '../options.ts';
import type { Report } from '../report.ts';

/** `istio`: AuthorizationPolicy, refused where Istio refuses or would fail open. `access`: our own kinds, refused where a value could never match. */
export type Dialect = 'istio' | 'access';

export interface Context {
  readonly report: Report;
  readonly options: LanguageOptions;
  readonly dialect: Dialect;
  /** Namespace of the object that is read. */
  readonly namespace: string;
  /** Of the policy that is read: what an error would have meant in Istio depends on it. Groups and workloads have none. */
  readonly action: 'ALLOW' | 'DENY' | 'AUDIT' | 'CUSTOM';
}

/** Looks at one value of a list and reports what is wrong with it. Empty strings never get here. */
export type ValueCheck = (value: StringNode, context: Context) => void;
