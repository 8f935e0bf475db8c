#!/usr/bin/env node
/** The composition root: which parts there are, and who is given to whom. Imports all, imported by none. */
import { readFileSync } from 'node:fs';
import { startAdmin } from './admin/admin.ts';
import type { Admin } from './admin/admin.ts';
import type { ReadinessReport } from './admin/readiness.ts';
import { DecisionLog } from './audit/decision-log.ts';
import { runCli } from './cli/cli.ts';
import { DONE, NOT_GOOD } from './cli/exit-code.ts';
import type { ExitCode } from './cli/exit-code.ts';
import { CommandFailure } from './cli/failure.ts';
import { answerSettings, snapshotOptions } from './cli/settings.ts';
import { processTerminal, write } from './cli/terminal.ts';
import type { ServiceConfig } from './config/config.ts';
import { PrincipalWatch } from './extauthz/principal-watch.ts';
import { OUTCOMES, recordCheck } from './extauthz/record.ts';
import { CheckService } from './extauthz/service.ts';
import { Authenticator } from './identity/authenticator.ts';
import { KeptSet, UnusableSet } from './pap/kept-set.ts';
import { loadSnapshotAside } from './pap/load-aside.ts';
import { PolicyStore } from './pap/policy-store.ts';
import type { LoadEvent } from './pap/policy-store.ts';
import { DirectorySource } from './pap/sources/directory.ts';
import type { PolicySnapshot } from './policy-index/snapshot.ts';
import { createLogger, openLogWriter } from './telemetry/logger.ts';
import type { Logger } from './telemetry/logger.ts';
import { Metrics } from './telemetry/metrics.ts';
import type { PolicyState } from './telemetry/metrics.ts';
import { createPrometheusText } from './telemetry/prometheus.ts';
import type { PrometheusText } from './telemetry/prometheus.ts';
import { GrpcJsTransport } from './transport/grpc-js/transport.ts';
import { Health } from './transport/health.ts';
import { NativeTransport } from './transport/native/transport.ts';
import { MAX_RECEIVED_BYTES } from './transport/limits.ts';
import type { Listener, Methods, Transport, TransportLog } from './transport/transport.ts';
import { ListenError } from './transport/transport.ts';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
const SERVICE = 'envoy.service.auth.v3.Authorization';

/** Enough to see what is wrong with a set; `lint` lists everything. */
const MAX_LOGGED_PROBLEMS = 100;

const terminal = processTerminal();

/** Runs the service: listens at once, answers from policies as soon as there are good ones, ends when told to. */
async function serve(config: ServiceConfig): Promise<ExitCode> {
  const logWriter = openLogWriter();
  const log = createLogger(config.log.level, logWriter);
  reportFatal = (error) => log.fatal({ err: error }, 'uncaught error');
  const onError = (error: unknown): void => log.error({ err: error }, 'unexpected error');
  const signals = listenToSignals();

  const { policies: paths, reload } = config;
  const options = snapshotOptions(config);
  const kept = config.state === '' ? null : new KeptSet(config.state, options.origin, options.decisions);
  /** Of snapshots that were built; whether they are taken shows afterwards. */
  const digests = new WeakMap<PolicySnapshot, string>();
  const keep = (snapshot: PolicySnapshot): void => {
    kept?.keep(snapshot, digests.get(snapshot) ?? '').catch((error: unknown) => {
      log.error({ err: error, path: kept.path }, 'the policies could not be kept for a restart');
    });
  };
  const store = new PolicyStore<PolicySnapshot>(
    new DirectorySource({ paths, ...reload }),
    (files, signal) =>
      loadSnapshotAside(files, options, signal, {}, (snapshot, digest) => digests.set(snapshot, digest)),
    async () => (kept === null ? null : restoreSet(kept, log)),
  );
  const metrics = new Metrics(OUTCOMES);
  const decisionLog = new DecisionLog({ ...config.log, sink: logWriter });
  const identity = new Authenticator({ settings: config.identity, log });
  const principals = new PrincipalWatch(log);
  const checks = new CheckService({
    snapshot: () => store.current,
    identity,
    ...answerSettings(config),
    cache: config.cache,
    record: (record) => {
      recordCheck(record, metrics, decisionLog);
      principals.look(record.request);
    },
    onError,
  });
  const health = new Health([SERVICE]);
  const state = { draining: false };
  const readiness = (): ReadinessReport => ({
    ...readinessOf(store, identity, state.draining),
    withoutPrincipal: principals.warnings,
  });
  metrics.observe({
    policy: () => policyStateOf(store, identity, state.draining),
    cacheEntries: () => checks.cache.statistics.size,
    decisionLog: () => decisionLog.counts,
    logDroppedLines: () => logWriter.droppedLines,
    identity: () => ({ ...identity.status(), listenersWithoutPrincipal: principals.warnings.length }),
  });

  const listener = await listen(config, log, methodsOf(checks, health));
  const admin = await startAdmin({
    admin: config.admin,
    health: config.health,
    readiness,
    metrics: metricsText(metrics, checks),
    onError,
  }).catch(async (cause: unknown) => {
    await listener.drain(0);
    throw new CommandFailure(messageOf(cause), [], new Map(), { cause });
  });
  const ready = once((snapshot: PolicySnapshot) => {
    health.setServing();
    void write(terminal.stdout, readyLine(snapshot, listener, admin));
  });
  store.subscribe((event) => {
    if (event.outcome !== 'restored') metrics.recordReload(event.outcome === 'taken');
    logLoad(event, log);
    // Before the first check under these policies: listeners are told in the moment in which they come into force.
    if (event.outcome !== 'refused') identity.use(event.snapshot.authentications);
    if (event.outcome === 'taken') keep(event.snapshot);
    if (event.outcome !== 'refused' && !state.draining) ready(event.snapshot);
  });
  signals.onReload(() => store.reload());
  const starting = store.start();

  log.info({ signal: await signals.stop }, 'draining');
  state.draining = true;
  health.setNotServing();
  await listener.drain(config.drainSeconds * 1000);
  await store.close();
  identity.close();
  await starting;
  await decisionLog.flush();
  await admin.close();
  log.info('stopped');
  await logWriter.flush();
  return DONE;
}

/** @throws {@link CommandFailure} when the address or the certificates are not usable. */
async function listen(config: ServiceConfig, log: Logger, methods: Methods): Promise<Listener> {
  const transportLog: TransportLog = (level, message, fields) => log[level](fields, message);
  const { limits, tls, reflection, listen: address } = config;
  try {
    return await transportFor(config, transportLog).listen(
      { address, tls, reflection, ...limits, maxMessageBytes: MAX_RECEIVED_BYTES },
      methods,
    );
  } catch (cause) {
    if (!(cause instanceof ListenError)) throw cause;
    throw new CommandFailure(cause.message, [], new Map(), { cause });
  }
}

function transportFor(config: ServiceConfig, log: TransportLog): Transport {
  return config.transport === 'native' ? new NativeTransport(log) : new GrpcJsTransport(log);
}

function methodsOf(checks: CheckService, health: Health): Methods {
  return {
    unary: new Map([...health.methods.unary, [CHECK, (message, context) => checks.check(message, context)]]),
    serverStream: health.methods.serverStream,
    // A denial, which a gRPC error is not to an Envoy with `failure_mode_allow`.
    answersAnyPeer: new Set([CHECK]),
  };
}

function readinessOf(
  store: PolicyStore<PolicySnapshot>,
  identity: Authenticator,
  draining: boolean,
): Omit<ReadinessReport, 'withoutPrincipal'> {
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
    identity: identity.status(),
    problems: status.diagnostics,
  };
}

function policyStateOf(store: PolicyStore<PolicySnapshot>, identity: Authenticator, draining: boolean): PolicyState {
  const { ready, stale, revision, policies, rules, loadedAtMs } = readinessOf(store, identity, draining);
  const expiredDenyRules = store.current?.expiredDenyRules(Date.now()) ?? 0;
  const lastReloadSeconds = loadedAtMs === null ? null : loadedAtMs / 1000;
  return { ready, stale, revision, policies, rules, lastReloadSeconds, expiredDenyRules };
}

/** Metrics as text; the cache counts its evictions by itself, so they are taken over before each collection. */
function metricsText(metrics: Metrics, checks: CheckService): PrometheusText {
  const text = createPrometheusText(metrics, version());
  let reported = 0;
  const scrape = (): Promise<string> => {
    for (const { evictions } = checks.cache.statistics; reported < evictions; reported++) metrics.recordCacheEviction();
    return text.scrape();
  };
  return { contentType: text.contentType, scrape };
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

function logLoad({ outcome, snapshot, diagnostics, durationMs }: LoadEvent<PolicySnapshot>, log: Logger): void {
  for (const { severity, code, message, hint, position } of diagnostics.slice(0, MAX_LOGGED_PROBLEMS)) {
    const place = `${position.file}:${position.line}:${position.column}`;
    const fields = { place, code, problem: message, ...(hint === undefined ? {} : { hint }) };
    if (severity === 'error') log.error(fields, 'policy error');
    else if (severity === 'warning') log.warn(fields, 'policy warning');
    else log.info(fields, 'policy note');
  }
  const facts = {
    revision: snapshot?.revision ?? null,
    policies: snapshot?.policyCount ?? 0,
    rules: snapshot?.ruleCount ?? 0,
    durationMs: Math.round(durationMs),
  };
  if (outcome === 'taken') log.info(facts, 'policies taken');
  else if (outcome === 'restored')
    log.warn(facts, 'policies of an earlier run are in force: the files have not been good since the start');
  else if (snapshot === null) log.error(facts, 'policies refused: every check is denied until they are mended');
  else log.error(facts, 'policies refused: the last good ones stay in force');
}

function readyLine(snapshot: PolicySnapshot, listener: Listener, admin: Admin): string {
  const parts = [
    `grpc ${listener.address}`,
    ...(admin.adminAddress === null ? [] : [`admin http://${admin.adminAddress}`]),
    ...(admin.healthAddress === null ? [] : [`health http://${admin.healthAddress}`]),
    `${snapshot.policyCount} policies`,
    `revision ${snapshot.revision}`,
  ];
  return `portcullis is ready: ${parts.join(', ')}\n`;
}

/** The first signal to stop drains, the second does not wait. */
function listenToSignals(): { readonly stop: Promise<string>; onReload(reload: () => Promise<void>): void } {
  const stop = new Promise<string>((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(NOT_GOOD);
        asked = true;
        resolve(signal);
      });
    }
  });
  return { stop, onReload: (reload) => void process.on('SIGHUP', () => void reload()) };
}

function once<Value>(action: (value: Value) => void): (value: Value) => void {
  let done = false;
  return (value) => {
    if (!done) action(value);
    done = true;
  };
}

function version(): string {
  const file = new URL('../package.json', import.meta.url);
  return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

let reportFatal = (error: unknown): void => {
  process.stderr.write(`portcullis: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
};
// After an error that nobody expected nothing here can be trusted to decide: whoever supervises starts anew.
process.on('uncaughtException', (error) => {
  reportFatal(error);
  process.exit(NOT_GOOD);
});

process.exitCode = await runCli(process.argv.slice(2), { terminal, version: version(), serve });
