/** One process that answers checks: identity, decisions, health, counters and a transport, put together. */
import { Observer } from '../admin/observe/observer.ts';
import type { Answers, Question, QuestionOf } from '../admin/observe/questions.ts';
import { openDecisionLog } from '../audit/open.ts';
import { RecordedFields } from '../audit/recorded-fields.ts';
import { answerSettings } from '../cli/settings.ts';
import type { ServiceConfig } from '../config/config.ts';
import { PrincipalWatch } from '../extauthz/principal-watch.ts';
import { checkRecorder, entryOf, OUTCOMES } from '../extauthz/record.ts';
import { CheckService } from '../extauthz/service.ts';
import { Authenticator } from '../identity/authenticator.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { LineWriter } from '../telemetry/line-writer.ts';
import { setLogLevel } from '../telemetry/logger.ts';
import type { Logger } from '../telemetry/logger.ts';
import { Metrics } from '../telemetry/metrics.ts';
import { RuleHitCounter } from '../telemetry/rule-hits.ts';
import type { RuleHits } from '../telemetry/rule-hits.ts';
import { GrpcJsTransport } from '../transport/grpc-js/transport.ts';
import { Health } from '../transport/health.ts';
import { MAX_RECEIVED_BYTES } from '../transport/limits.ts';
import { NativeTransport } from '../transport/native/transport.ts';
import type { Socket } from 'node:net';
import type { ProofMemory } from '../identity/jwt/used-proofs.ts';
import type { Methods, TransportLog, TransportServer } from '../transport/transport.ts';
import type { DataPlaneReading } from './data-plane.ts';
import { openTraces } from './telemetry.ts';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';
export const SERVICE = 'envoy.service.auth.v3.Authorization';

/** For a sink that does not take the last records, once there are no connections any more. */
const AUDIT_CLOSE_MS = 3000;
/** For a collector that does not take the last spans. */
const TRACES_CLOSE_MS = 1000;

export interface ServingOptions {
  readonly config: ServiceConfig;
  readonly log: Logger;
  /** Standard error and standard output. */
  readonly lines: LineWriter;
  readonly stdout: LineWriter;
  /** Of the program. */
  readonly version: string;
  /** Number of this process among all that answer checks, from 0. */
  readonly number: number;
  /** That share the machine. */
  readonly processes: number;
  /** Default: of this process. */
  readonly usedProofs?: ProofMemory;
}

export class ServingProcess {
  readonly #server: TransportServer;
  readonly #parts: Parts;

  private constructor(server: TransportServer, parts: Parts) {
    this.#server = server;
    this.#parts = parts;
  }

  /** @throws {@link ListenError} or {@link AuditUnusable} when certificates, or what the decision log needs, are not usable */
  static async open(options: ServingOptions): Promise<ServingProcess> {
    const parts = await partsOf(options);
    const { config, log, processes } = options;
    const transportLog: TransportLog = (level, message, fields) => log[level](fields, message);
    const transport =
      config.transport === 'native'
        ? new NativeTransport(transportLog, { processes })
        : new GrpcJsTransport(transportLog);
    const { limits, tls, reflection } = config;
    const server = await transport.serve(
      { tls, reflection, ...limits, maxMessageBytes: MAX_RECEIVED_BYTES },
      methodsOf(parts),
    );
    parts.metrics.observe({ transport: () => server.counts() });
    return new ServingProcess(server, parts);
  }

  /** Serves a connection as it was accepted, here or in another process. */
  adopt(socket: Socket): void {
    this.#server.adopt(socket);
  }

  /** Every check from now on is decided by `snapshot`. The first one makes it healthy. */
  use(snapshot: PolicySnapshot): void {
    const { inForce, identity, fields, health, rules, state } = this.#parts;
    // Before the first check under these policies.
    identity.use(snapshot.authentications);
    fields.use(snapshot.authentications);
    rules.use(snapshot);
    inForce.snapshot = snapshot;
    if (!state.draining) health.setServing();
  }

  read(): DataPlaneReading {
    const { metrics, identity, principals } = this.#parts;
    return { metrics: metrics.read(), identity: identity.status(), listeners: principals.warnings };
  }

  /** What rules decided since this was last asked for. */
  takeRuleHits(): readonly RuleHits[] {
    return this.#parts.rules.take();
  }

  async answer<Kind extends Question['kind']>(question: QuestionOf<Kind>): Promise<Answers[Kind]>;
  async answer(question: Question): Promise<Answers[Question['kind']]> {
    const { observer, log } = this.#parts;
    if (question.kind !== 'logLevel') return (await observer?.answer(question)) ?? null;
    setLogLevel(log, question.level);
    return true;
  }

  /** Unhealthy at once; answers what is in flight, and resolves when every connection is closed. */
  async drain(timeoutMs: number): Promise<void> {
    const { state, health, identity, decisionLog, traces, observer } = this.#parts;
    state.draining = true;
    health.setNotServing();
    await this.#server.drain(timeoutMs);
    identity.close();
    observer?.close();
    await Promise.all([decisionLog.close(AUDIT_CLOSE_MS), traces?.close(TRACES_CLOSE_MS)]);
  }
}

type Parts = Awaited<ReturnType<typeof partsOf>>;

async function partsOf({ config, log, lines, stdout, version, number, processes, usedProofs }: ServingOptions) {
  const inForce: { snapshot: PolicySnapshot | null } = { snapshot: null };
  const metrics = new Metrics(OUTCOMES);
  const rules = new RuleHitCounter();
  const decisionLog = await openDecisionLog({
    settings: config.audit,
    worker: number,
    workers: processes,
    version,
    stderr: lines,
    stdout,
    log,
  });
  const fields = new RecordedFields(config.audit);
  const onError = (error: unknown): void => log.error({ err: error }, 'unexpected error');
  const identity = new Authenticator({
    settings: config.identity,
    log,
    ...(usedProofs === undefined ? {} : { usedProofs }),
  });
  const principals = new PrincipalWatch(log);
  const traces = openTraces({ config, log, version, processes });
  const recordCheck = checkRecorder({
    counters: config.telemetry.metrics ? { metrics, rules } : null,
    tracer: traces?.tracer ?? null,
    log: decisionLog,
    fields,
    onError,
  });
  const observer = observerOf(config, fields, inForce);
  const checks = new CheckService({
    snapshot: () => inForce.snapshot,
    identity,
    ...answerSettings(config),
    cache: config.cache,
    record: (record) => {
      principals.look(record);
      const recorded = recordCheck(record);
      observer?.see(record, recorded);
      return recorded;
    },
    onError,
  });
  metrics.observe({
    cache: () => ({ entries: checks.cache.statistics.size, evictions: checks.cache.statistics.evictions }),
    load: () => ({ waiting: checks.load.waiting, refused: { ...checks.load.refused } }),
    decisionLog: () => decisionLog.counts,
    logDroppedLines: () => lines.droppedLines,
    identity: () => ({ ...identity.status(), listenersWithoutPrincipal: principals.warnings.length }),
  });
  if (traces !== null) metrics.observe({ spans: () => traces.spans.counts });
  const health = new Health([SERVICE]);
  return {
    inForce,
    metrics,
    traces,
    observer,
    log,
    rules,
    decisionLog,
    fields,
    identity,
    principals,
    checks,
    health,
    state: { draining: false },
  };
}

/** null: there is no admin server that would tell of it. */
function observerOf(
  { admin }: ServiceConfig,
  fields: RecordedFields,
  inForce: { readonly snapshot: PolicySnapshot | null },
): Observer | null {
  if (admin.address === null) return null;
  return new Observer({
    recent: admin.recent,
    entryOf: (record) => entryOf(record, fields, null),
    ruleOf: ({ policy, index }, revision) => {
      const { snapshot } = inForce;
      return snapshot?.revision === revision ? snapshot.ruleOf(policy.kind, policy.name, index) : null;
    },
  });
}

function methodsOf({ checks, health }: Parts): Methods {
  return {
    unary: new Map([...health.methods.unary, [CHECK, (message, context) => checks.check(message, context)]]),
    serverStream: health.methods.serverStream,
    // A denial, which a gRPC error is not to an Envoy with `failure_mode_allow`.
    answersAnyPeer: new Set([CHECK]),
  };
}
