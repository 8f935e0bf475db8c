/** What the admin API sees of a running service. */
import type { AdminOptions } from '../admin/admin.ts';
import type { Addresses, ReloadOutcome } from '../admin/api.ts';
import type { ReadinessSource } from '../admin/readiness.ts';
import { answerSettings, snapshotOptions } from '../cli/settings.ts';
import type { ServiceConfig } from '../config/config.ts';
import type { PolicyStore } from '../pap/policy-store.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { addReadings } from '../telemetry/add-readings.ts';
import { setLogLevel } from '../telemetry/logger.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { compileAllowList } from '../transport/tls/allow-list.ts';
import type { DataPlane } from './data-plane.ts';

export interface AdminParts {
  readonly config: ServiceConfig;
  /** Of the program. */
  readonly version: string;
  readonly log: Logger;
  readonly plane: DataPlane;
  readonly store: PolicyStore<PolicySnapshot>;
  readonly metrics: Metrics;
  readonly readiness: ReadinessSource;
  /** As they are once everything listens. */
  readonly addresses: Omit<Addresses, 'grpc'>;
}

export function apiParts(parts: AdminParts): NonNullable<AdminOptions['api']> {
  const { config, version, log, plane, store, metrics, readiness, addresses } = parts;
  const { limits, texts } = answerSettings(config);
  return {
    version,
    startedAtMs: metrics.startTimeMs,
    config,
    addresses: () => ({ grpc: plane.address, ...addresses }),
    workers: () => plane.workers,
    readiness,
    counts: async () => addReadings(metrics.read(), (await plane.read()).metrics),
    ask: plane.ask,
    reload: () => reload(store),
    setLogLevel: (level) => {
      log.warn({ level }, 'the level of the log is changed by the admin API');
      setLogLevel(log, level);
    },
    inspect: {
      settings: {
        decisions: snapshotOptions(config).decisions,
        limits,
        texts,
        askForProof: config.identity.answers,
      },
      snapshot: () => store.current,
      hits: async () => {
        await plane.read();
        return plane.ruleHits.read().rules;
      },
    },
  };
}

async function reload(store: PolicyStore<PolicySnapshot>): Promise<ReloadOutcome> {
  const { refused } = store.status;
  await store.reload();
  const { diagnostics } = store.status;
  return {
    outcome: store.status.refused > refused ? 'refused' : 'taken',
    revision: store.current?.revision ?? null,
    errors: diagnostics.filter(({ severity }) => severity === 'error').length,
    warnings: diagnostics.filter(({ severity }) => severity === 'warning').length,
  };
}

/** null: plain HTTP. */
export function tlsOfAdmin({ admin }: ServiceConfig): NonNullable<AdminOptions['tls']> | null {
  return admin.tls === null ? null : { ...admin.tls, mayAsk: compileAllowList(admin.tls.allowedClients) };
}
