/** `portcullis serve`: policies, what answers by them, and what tells how both are doing. */
import { startAdmin } from '../admin/admin.ts';
import type { Admin } from '../admin/admin.ts';
import type { ReadinessReport } from '../admin/readiness.ts';
import { AuditUnusable } from '../audit/open.ts';
import { DONE } from '../cli/exit-code.ts';
import type { ExitCode } from '../cli/exit-code.ts';
import { CommandFailure } from '../cli/failure.ts';
import { snapshotOptions } from '../cli/settings.ts';
import { write } from '../cli/terminal.ts';
import type { Terminal } from '../cli/terminal.ts';
import type { ServiceConfig } from '../config/config.ts';
import { KeptSet, UnusableSet } from '../pap/kept-set.ts';
import { loadSnapshotAside } from '../pap/load-aside.ts';
import { PolicyStore } from '../pap/policy-store.ts';
import { DirectorySource } from '../pap/sources/directory.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { addReadings } from '../telemetry/add-readings.ts';
import type { LineWriter } from '../telemetry/line-writer.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import type { PolicyState } from '../telemetry/metrics.ts';
import { seldom } from '../telemetry/seldom.ts';
import { createPrometheusText } from '../telemetry/prometheus.ts';
import { GrpcJsTransport } from '../transport/grpc-js/transport.ts';
import { Health } from '../transport/health.ts';
import { ListenError } from '../transport/transport.ts';
import type { Listener } from '../transport/transport.ts';
import { usableWorkers } from './cores.ts';
import type { DataPlane } from './data-plane.ts';
import { Fleet } from './fleet/fleet.ts';
import { WorkerRefused } from './fleet/worker.ts';
import { logLoad } from './load-log.ts';
import type { Signals } from './signals.ts';
import { SERVICE } from './serving-process.ts';
import { SingleProcess } from './single-process.ts';
import { apiParts, tlsOfAdmin } from './admin-parts.ts';
import { metricProducer, openMetricPush, tellOfTelemetry } from './telemetry.ts';
import { OUTCOMES } from '../extauthz/record.ts';

/** Questions of reflection and health are names. */
const MAX_MANAGEMENT_BYTES = 64 * 1024;

/** For a collector that does not take the last metrics. */
const LAST_PUSH_MS = 2000;

export interface ServeParts {
  readonly log: Logger;
  /** Standard error and standard output. */
  readonly lines: LineWriter;
  readonly stdout: LineWriter;
  readonly signals: Signals;
  readonly terminal: Terminal;
  /** Of the program. */
  readonly version: string;
}

/** Runs the service: listens at once, answers from policies as soon as there are good ones, ends when told to. */
export async function serve(config: ServiceConfig, parts: ServeParts): Promise<ExitCode> {
  const { log, lines, stdout, signals, terminal } = parts;
  if (config.overload.errorResponse)
    log.warn(
      { setting: 'overload.errorResponse' },
      'an Envoy with failure_mode_allow (Istio: failOpen) lets requests in unchecked while this service is overloaded or not ready',
    );
  const plane = await openPlane(config, parts);
  const state = { draining: false };
  const health = new Health([SERVICE]);
  const { store, keep } = storeFor(config, log, (snapshot) => plane.take(snapshot));

  const metrics = new Metrics(OUTCOMES);
  metrics.observe({
    policy: () => policyStateOf(store, state.draining),
    workers: () => plane.workers,
  });
  tellOfTelemetry(parts.log, config);
  const producer = metricProducer(
    {
      startTimeMs: metrics.startTimeMs,
      read: async () => addReadings(metrics.read(), (await plane.read()).metrics),
    },
    config,
    parts.version,
  );
  const metricPush = openMetricPush(producer, config, log);
  if (metricPush !== null) metrics.observe({ metricPush: () => metricPush.state });
  const readiness = async (): Promise<ReadinessReport> => {
    const { identity, listeners } = await plane.read();
    return { ...readinessOf(store, state.draining), identity, withoutPrincipal: listeners };
  };
  const addresses = { admin: null as string | null, health: null as string | null, management: null as string | null };
  const admin = await startAdmin({
    admin: config.admin.address,
    health: config.health,
    tokenFile: config.admin.tokenFile,
    tls: tlsOfAdmin(config),
    readiness,
    metrics: config.telemetry.metrics ? createPrometheusText(producer) : null,
    api: apiParts({ config, version: parts.version, log, plane, store, metrics, readiness, addresses }),
    onError: (error) => log.error({ err: error }, 'unexpected error'),
    onWrongToken: seldom((address) => log.warn({ address }, 'the admin server was shown a wrong token')),
    onProblem: (problem) => log.error({ problem }, 'files of the admin server have changed and cannot be used'),
  }).catch(async (cause: unknown) => {
    await plane.drain(0);
    throw new CommandFailure(messageOf(cause), [], new Map(), { cause });
  });

  const management = await openManagement(config, log, health).catch(async (cause: unknown) => {
    await Promise.all([plane.drain(0), admin.close()]);
    throw new CommandFailure(messageOf(cause), [], new Map(), { cause });
  });

  const { adminAddress, healthAddress } = admin;
  Object.assign(addresses, { admin: adminAddress, health: healthAddress, management: management?.address ?? null });

  let isReady = false;
  store.subscribe((event) => {
    if (event.outcome !== 'restored') metrics.recordReload(event.outcome === 'taken');
    logLoad(event, log);
    if (event.outcome === 'taken') keep(event.snapshot);
    if (event.outcome === 'refused' || isReady || state.draining) return;
    isReady = true;
    health.setServing();
    void write(terminal.stdout, readyLine(event.snapshot, plane, admin));
  });
  signals.onReload(() => store.reload());
  const starting = store.start();

  log.info({ signal: await signals.stop }, 'draining');
  state.draining = true;
  health.setNotServing();
  // What the processes that answer checks have counted cannot be asked for when they are gone.
  await Promise.all([management?.drain(0), metricPush?.close(LAST_PUSH_MS)]);
  await plane.drain(config.drainSeconds * 1000);
  await store.close();
  await starting;
  await admin.close();
  log.info('stopped');
  await Promise.all([lines.flushLast(), stdout.flushLast()]);
  return DONE;
}

/** @throws {@link CommandFailure} when the address or the certificates are not usable. */
async function openPlane(config: ServiceConfig, { log, lines, stdout, version }: ServeParts): Promise<DataPlane> {
  const workers = config.workers ?? usableWorkers();
  const shared = { config, log, lines, stdout, version };
  try {
    return workers === 1
      ? await SingleProcess.open({ ...shared, number: 0, processes: 1 })
      : await Fleet.open({ ...shared, workers });
  } catch (cause) {
    if (!(cause instanceof ListenError || cause instanceof AuditUnusable || cause instanceof WorkerRefused))
      throw cause;
    throw new CommandFailure(cause.message, [], new Map(), { cause });
  }
}

/** For people and their tools: reflection needs streams in both directions, which checks do not. null: none is wanted. */
async function openManagement(config: ServiceConfig, log: Logger, health: Health): Promise<Listener | null> {
  const { management: address, tls, limits } = config;
  if (address === null) return null;
  const transport = new GrpcJsTransport((level, message, fields) => log[level](fields, message));
  return transport.listen(
    { address, tls, reflection: true, ...limits, maxMessageBytes: MAX_MANAGEMENT_BYTES },
    { ...health.methods, answersAnyPeer: new Set() },
  );
}

type Store = PolicyStore<PolicySnapshot>;

function storeFor(
  config: ServiceConfig,
  log: Logger,
  enforce: (snapshot: PolicySnapshot) => Promise<void>,
): { readonly store: Store; readonly keep: (snapshot: PolicySnapshot) => void } {
  const { policies: paths, reload } = config;
  const options = snapshotOptions(config);
  const kept = config.state === '' ? null : new KeptSet(config.state, options.origin, options.decisions);
  /** Of snapshots that were built; whether they are taken shows afterwards. */
  const digests = new WeakMap<PolicySnapshot, string>();
  const store = new PolicyStore<PolicySnapshot>({
    source: new DirectorySource({ paths, ...reload }),
    load: (files, signal) =>
      loadSnapshotAside(files, options, signal, {}, (snapshot, digest) => digests.set(snapshot, digest)),
    enforce,
    restore: async () => (kept === null ? null : restoreSet(kept, log)),
  });
  const keep = (snapshot: PolicySnapshot): void => {
    kept?.keep(snapshot, digests.get(snapshot) ?? '').catch((error: unknown) => {
      log.error({ err: error, path: kept.path }, 'the policies could not be kept for a restart');
    });
  };
  return { store, keep };
}

/** null: there is nothing that could be served. */
async function restoreSet(kept: KeptSet, log: Logger): Promise<PolicySnapshot | null> {
  try {
    return await kept.restore();
  } catch (cause) {
    if (!(cause instanceof UnusableSet)) throw cause;
    log.error({ path: kept.path, problem: cause.message }, 'the policies kept from an earlier run cannot be served');
    return null;
  }
}

function readinessOf(store: Store, draining: boolean): Omit<ReadinessReport, 'identity' | 'withoutPrincipal'> {
  const { current, status } = store;
  return {
    ready: status.ready && !draining,
    draining,
    stale: status.ready && status.refusedSinceMs !== null,
    restored: status.restored,
    revision: current?.revision ?? null,
    policies: current?.policyCount ?? 0,
    rules: current?.ruleCount ?? 0,
    loadedAtMs: status.takenAtMs,
    problems: status.diagnostics,
  };
}

function policyStateOf(store: Store, draining: boolean): PolicyState {
  const { ready, stale, revision, policies, rules, loadedAtMs } = readinessOf(store, draining);
  const expiredDenyRules = store.current?.expiredDenyRules(Date.now()) ?? 0;
  const lastReloadSeconds = loadedAtMs === null ? null : loadedAtMs / 1000;
  return { ready, stale, revision, policies, rules, lastReloadSeconds, expiredDenyRules };
}

function readyLine(snapshot: PolicySnapshot, plane: DataPlane, admin: Admin): string {
  const parts = [
    `grpc ${plane.address}`,
    ...(admin.adminAddress === null ? [] : [`admin http://${admin.adminAddress}`]),
    ...(admin.healthAddress === null ? [] : [`health http://${admin.healthAddress}`]),
    `${snapshot.policyCount} policies`,
    `revision ${snapshot.revision}`,
  ];
  return `portcullis is ready: ${parts.join(', ')}\n`;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
