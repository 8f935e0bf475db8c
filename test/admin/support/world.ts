/** An admin server with checks behind it, in one process: the parts that serve, without a transport. */
import { startAdmin } from '../../../src/admin/admin.ts';
import type { Admin, AdminOptions } from '../../../src/admin/admin.ts';
import { Observer } from '../../../src/admin/observe/observer.ts';
import type { ReadinessReport } from '../../../src/admin/readiness.ts';
import type { Ask as AskProcesses, Question } from '../../../src/admin/observe/questions.ts';
import { RecordedFields } from '../../../src/audit/recorded-fields.ts';
import type { ServiceConfig } from '../../../src/config/config.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { entryOf, OUTCOMES } from '../../../src/extauthz/record.ts';
import type { CheckRecord } from '../../../src/extauthz/check-record.ts';
import { Metrics } from '../../../src/telemetry/metrics.ts';
import { RuleHitCounter, RuleHitLedger } from '../../../src/telemetry/rule-hits.ts';
import { LIMITS, SETTINGS, TEXTS, snapshotOf, testService } from '../../extauthz/support/engine.ts';
import type { TestService } from '../../extauthz/support/engine.ts';
import type { PolicySnapshot } from '../../../src/policy-index/snapshot.ts';

export interface AdminWorld {
  readonly address: string;
  readonly admin: Admin;
  readonly checks: TestService;
  readonly observer: Observer;
  /** Levels of the log that were asked for. */
  readonly levels: string[];
  /** Errors of routes, of which there should be none. */
  readonly errors: unknown[];
  reloads: number;
  use(snapshot: PolicySnapshot | null): void;
  close(): Promise<void>;
}

export interface AdminWorldOptions {
  /** null: none are in force. */
  readonly policies: string | PolicySnapshot | null;
  readonly config?: { readonly actions?: boolean; readonly recent?: { readonly maxEntries: number } };
  readonly audit?: { readonly headers: readonly string[]; readonly claims: readonly string[] };
  readonly admin?: Partial<AdminOptions>;
}

export const DEFAULTS: ServiceConfig = loadConfig().config!;

export async function adminWorld(options: AdminWorldOptions): Promise<AdminWorld> {
  const { policies } = options;
  const recent = { ...DEFAULTS.admin.recent, ...options.config?.recent };
  const config = { ...DEFAULTS, admin: { ...DEFAULTS.admin, actions: options.config?.actions ?? false, recent } };
  const metrics = new Metrics(OUTCOMES);
  const counter = new RuleHitCounter();
  const ledger = new RuleHitLedger();
  const fields = new RecordedFields(options.audit ?? { headers: [], claims: [] });
  let snapshot = typeof policies === 'string' ? snapshotOf(policies) : policies;
  if (snapshot !== null) counter.use(snapshot);
  const observer = new Observer({
    recent,
    entryOf: (record) => entryOf(record, fields, null),
    ruleOf: ({ policy, index }, revision) =>
      snapshot?.revision === revision ? snapshot.ruleOf(policy.kind, policy.name, index) : null,
  });
  const record = (each: CheckRecord): void => {
    const { decision } = each;
    observer.see(each, true);
    metrics.recordCheck(
      OUTCOMES.findIndex(({ reason }) => reason === decision.reason),
      each.cache === 'hit' ? 1 : each.cache === 'miss' ? 2 : 0,
      each.durationMs / 1000,
    );
    if (decision.rule !== null) counter.count(decision.rule, each.revision);
  };
  const checks = testService(snapshot, { record });
  checks.nowMs = Date.now();
  const errors: unknown[] = [];
  const levels: string[] = [];
  const world = { reloads: 0 };
  const ask = (async (question: Question) => {
    if (question.kind !== 'logLevel') return { asked: 1, answers: [await observer.answer(question)] };
    levels.push(question.level);
    return { asked: 1, answers: [true] };
  }) as AskProcesses;
  const readiness = (): ReadinessReport => ({
    ready: snapshot !== null,
    draining: false,
    stale: false,
    restored: false,
    revision: snapshot?.revision ?? null,
    policies: snapshot?.policyCount ?? 0,
    rules: snapshot?.ruleCount ?? 0,
    loadedAtMs: Date.now(),
    identity: {
      keys: [],
      introspection: [],
      revocation: null,
      tokens: { entries: 0, bytes: 0 },
      outcomes: { none: 0, verified: 0, invalid: 0, unavailable: 0 },
    },
    withoutPrincipal: [{ listener: '10.0.0.1:80', warning: 'set this' }],
    problems: [],
  });
  const admin = await startAdmin({
    admin: '127.0.0.1:0',
    health: null,
    readiness,
    metrics: {
      scrape: () => Promise.resolve({ contentType: 'text/plain; charset=utf-8', body: 'x_total 1\n' }),
    },
    api: {
      version: '1.2.3',
      startedAtMs: metrics.startTimeMs,
      config,
      addresses: () => ({ grpc: '127.0.0.1:9191', admin: null, health: null, management: null }),
      workers: () => ({ serving: 1, replaced: 0 }),
      readiness,
      counts: () => Promise.resolve(metrics.read()),
      ask,
      reload: () => {
        world.reloads += 1;
        return Promise.resolve({ outcome: 'taken', revision: snapshot?.revision ?? null, errors: 0, warnings: 0 });
      },
      setLogLevel: (level) => levels.push(level),
      inspect: {
        settings: { decisions: SETTINGS, limits: LIMITS, texts: TEXTS, askForProof: DEFAULTS.identity.answers },
        snapshot: () => snapshot,
        hits: () => {
          ledger.add(counter.take());
          return Promise.resolve(ledger.read().rules);
        },
      },
    },
    onError: (error) => errors.push(error),
    ...options.admin,
  });
  return Object.assign(world, {
    address: admin.adminAddress!,
    admin,
    checks,
    observer,
    levels,
    errors,
    use: (next: PolicySnapshot | null) => {
      snapshot = next;
      checks.snapshot = next;
      if (next !== null) counter.use(next);
    },
    close: async () => {
      observer.close();
      await admin.close();
    },
  });
}
