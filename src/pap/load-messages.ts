/** What the serving thread and `load-worker.ts` say to each other. The worker speaks only when asked. */
import type { LanguageOptions } from '../policy/options.ts';
import type { SetPart } from './set-parts.ts';
import type { PolicyFile } from './sources/policy-source.ts';

/** What the worker is started with. */
export interface LoadTask {
  readonly language: LanguageOptions;
  /** Of the decision settings: a part of the revision. */
  readonly fingerprint: string;
}

export type ToWorker = { readonly kind: 'file'; readonly file: PolicyFile } | { readonly kind: 'next' };

/** The answer to `next`, of which the first comes after all files. */
export type FromWorker =
  | { readonly kind: 'slice'; readonly parts: readonly SetPart[] }
  /** `revision` is null when the files have errors: the parts were diagnostics only. */
  | { readonly kind: 'end'; readonly revision: string | null };
