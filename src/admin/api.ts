/** What the admin API is put together from: the rest of the service as it sees it. */
import type { ServiceConfig } from '../config/config.ts';
import type { WorkersState } from '../telemetry/metrics.ts';
import type { Access } from './access/access.ts';
import type { Inspector } from './inspect/inspector.ts';
import type { Ask } from './observe/questions.ts';
import type { ReadinessSource } from './readiness.ts';
import type { ReadCounts, StatsHistory } from './stats.ts';

/** How a load of policies ended. */
export interface ReloadOutcome {
  readonly outcome: 'taken' | 'refused';
  readonly revision: string | null;
  readonly errors: number;
  readonly warnings: number;
}

export interface Addresses {
  readonly grpc: string;
  readonly admin: string | null;
  readonly health: string | null;
  readonly management: string | null;
}

export interface ApiParts {
  /** Of the program. */
  readonly version: string;
  /** Milliseconds since the epoch. */
  readonly startedAtMs: number;
  readonly config: ServiceConfig;
  readonly addresses: () => Addresses;
  readonly workers: () => WorkersState;
  readonly readiness: ReadinessSource;
  readonly counts: ReadCounts;
  readonly ask: Ask;
  readonly reload: () => Promise<ReloadOutcome>;
  /** Of this process. */
  readonly setLogLevel: (level: ServiceConfig['log']['level']) => void;
}

/** With what the admin server keeps itself. */
export interface ApiSources extends ApiParts {
  readonly access: Access;
  readonly inspector: Inspector;
  readonly history: StatsHistory;
}
