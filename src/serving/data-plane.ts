/** What answers checks, as the rest of the service sees it: one process or several make no difference to it. */
import type { Ask } from '../admin/observe/questions.ts';
import type { ListenerWarning } from '../extauthz/principal-watch.ts';
import type { IdentityStatus } from '../identity/authenticator.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { MetricsReading, WorkersState } from '../telemetry/metrics.ts';
import type { RuleHitLedger } from '../telemetry/rule-hits.ts';

export interface DataPlane {
  /** Where it listens, with the real port. */
  readonly address: string;
  readonly workers: WorkersState;
  /**
   * Resolves when every check from now on is decided by `snapshot`. The first one makes it healthy. Rejects when that
   * cannot be had: everything then goes on as before.
   */
  take(snapshot: PolicySnapshot): Promise<void>;
  read(): Promise<DataPlaneReading>;
  /** What each process that answers checks says to a question of the admin server; late ones are left out. */
  readonly ask: Ask;
  /** What each rule decided, up to the last {@link read}. */
  readonly ruleHits: RuleHitLedger;
  /** Unhealthy at once; takes no new connections, answers what is in flight, and resolves when all is closed. */
  drain(timeoutMs: number): Promise<void>;
}

/** Plain data, which crosses from process to process. */
export interface DataPlaneReading {
  readonly metrics: MetricsReading;
  readonly identity: IdentityStatus;
  /** Listeners whose checks never had a principal. */
  readonly listeners: readonly ListenerWarning[];
}
