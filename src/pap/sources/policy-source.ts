/** What a source of policies is: it hands on texts, and knows nothing of what they mean. */
import type { Diagnostic } from '../../lib/diagnostic.ts';

/**
 * A file as bytes, which are kept outside of the heap: a set of 100,000 rules is some 30 MiB, and the thread that
 * serves only hands them on.
 */
export class PolicyFile {
  /** As people would name it: what was asked for, joined with what was found below it. */
  readonly path: string;
  /** UTF-8. */
  readonly bytes: Uint8Array;

  constructor(path: string, bytes: Uint8Array) {
    this.path = path;
    this.bytes = bytes;
  }

  static ofText(path: string, text: string): PolicyFile {
    return new PolicyFile(path, Buffer.from(text));
  }

  /** Made anew each time; without a byte order mark. */
  get text(): string {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.bytes);
  }
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
