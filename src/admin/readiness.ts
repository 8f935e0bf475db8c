/** Whether the service answers from policies, and what it would say about them. */
import type { ListenerWarning } from '../extauthz/principal-watch.ts';
import type { IdentityStatus } from '../identity/authenticator.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';

export interface ReadinessReport {
  /** False before the first good set of policies, and while draining. */
  readonly ready: boolean;
  readonly draining: boolean;
  /** The newest policies have errors; the last good set is in force. */
  readonly stale: boolean;
  /** The policies in force were kept from an earlier run: those of now have not been good yet. */
  readonly restored: boolean;
  /** Of the policies in force; null when there are none yet. */
  readonly revision: string | null;
  readonly policies: number;
  readonly rules: number;
  /** Milliseconds since the epoch when the policies in force were loaded; null when there are none yet. */
  readonly loadedAtMs: number | null;
  /** Keys of token issuers and the like: what of them is stale makes nobody unready. */
  readonly identity: IdentityStatus;
  /** Listeners whose checks never had a principal. */
  readonly withoutPrincipal: readonly ListenerWarning[];
  /** What is wrong with the newest policies, warnings included. */
  readonly problems: readonly Diagnostic[];
}

export type ReadinessSource = () => ReadinessReport | Promise<ReadinessReport>;
