/** What a source of policies is: it hands on texts, and knows nothing of what they mean. */
import type { Diagnostic } from '../../lib/diagnostic.ts';

export interface PolicyFile {
  /** As people would name it: what was asked for, joined with what was found below it. */
  readonly path: string;
  readonly text: string;
}

/** Everything there is at one moment. A path that cannot be had is a diagnostic, never left out in silence. */
export interface PolicyFiles {
  readonly files: readonly PolicyFile[];
  readonly diagnostics: readonly Diagnostic[];
}

export interface PolicySource {
  /** What is there now. Never rejects. */
  read(): Promise<PolicyFiles>;
  /** Calls `changed` with each new content after the last one that was read, until closed. */
  watch(changed: (content: PolicyFiles) => void): Watch;
}

export interface Watch {
  /** No call of `changed` comes after this has resolved. */
  close(): Promise<void>;
}
