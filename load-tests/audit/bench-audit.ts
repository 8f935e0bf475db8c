/**
 * `npm run bench:audit`: what a record of the decision log costs. The whole service from bytes to bytes, in this process, with
 * different logs in turn; CPU of the process with all its threads, and the difference to a service that records nothing.
 */
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { DecisionLog } from '../../src/audit/decision-log.ts';
import { openDecisionLog } from '../../src/audit/open.ts';
import { RecordedFields } from '../../src/audit/recorded-fields.ts';
import { answerSettings, snapshotOptions } from '../../src/cli/settings.ts';
import { loadConfig } from '../../src/config/load.ts';
import { checkRecorder } from '../../src/extauthz/record.ts';
import { CheckService } from '../../src/extauthz/service.ts';
import { loadSnapshot } from '../../src/pap/load-snapshot.ts';
import { LineWriter } from '../../src/telemetry/line-writer.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { NO_IDENTITY } from '../../test/extauthz/support/engine.ts';
import { DEFAULT_TRAFFIC, makeTraffic } from '../generator/requests.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { median } from '../lib/statistics.ts';
import { textTable } from '../lib/table.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '7' }, seconds: { type: 'string', default: '1' } },
});
const rounds = Number(values.rounds);
const roundMs = Number(values.seconds) * 1000;

/** Checks that one read of a connection brings, about. */
const TURN = 32;
const REQUESTS = 8000;

const folder = mkdtempSync(join(tmpdir(), 'portcullis-bench-audit-'));
writeFileSync(join(folder, 'key'), Buffer.alloc(32, 1));

const SEALED = { 'audit.integrity.method': 'hmac-sha256', 'audit.integrity.keyFile': join(folder, 'key') };
const LOGS: Readonly<Record<string, Readonly<Record<string, string | readonly string[]>> | null>> = {
  'nothing recorded': null,
  'standard error': { 'audit.sinks': ['stderr'] },
  file: { 'audit.sinks': ['file'], 'audit.file.directory': join(folder, 'file') },
  'sealed file': { 'audit.sinks': ['file'], 'audit.file.directory': join(folder, 'sealed'), ...SEALED },
};

interface Served {
  readonly service: CheckService;
  readonly log: DecisionLog | null;
  readonly cpuUs: number[];
}

async function serve(policies: string, flags: (typeof LOGS)[string]): Promise<Served> {
  const { config, diagnostics } = loadConfig({ flags: flags ?? {}, env: {} });
  if (config === null) throw new Error(diagnostics.map(({ message }) => message).join('\n'));
  const { snapshot } = loadSnapshot([{ path: 'policies.yaml', text: policies }], snapshotOptions(config));
  if (snapshot === null) throw new Error('the policies do not load');
  const lines = new LineWriter({ fd: openSync('/dev/null', 'w') });
  const log =
    flags === null
      ? null
      : await openDecisionLog({
          settings: config.audit,
          worker: 0,
          workers: 1,
          version: '0.0.0',
          stderr: lines,
          stdout: lines,
          log: createLogger('error', lines),
        });
  const onError = (error: unknown): never => {
    throw error;
  };
  const record =
    log === null
      ? () => true
      : checkRecorder({
          counters: null,
          tracer: null,
          log,
          fields: new RecordedFields(config.audit),
          onError,
        });
  const service = new CheckService({
    snapshot: () => snapshot,
    identity: NO_IDENTITY,
    ...answerSettings(config),
    overload: { ...config.overload, maxTurnMs: Number.POSITIVE_INFINITY },
    cache: config.cache,
    record,
    onError,
  });
  return { service, log, cpuUs: [] };
}

async function measure(denied: number): Promise<void> {
  const { policies, requests } = makeTraffic({ ...DEFAULT_TRAFFIC, requests: REQUESTS, denied });
  const context = { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true };
  const served = new Map<string, Served>();
  for (const [name, flags] of Object.entries(LOGS)) served.set(name, await serve(policies, flags));
  // The first round is for the compiler and the caches.
  for (let round = 0; round <= rounds; round++) {
    for (const { service, cpuUs } of served.values()) {
      const before = process.cpuUsage();
      const endMs = performance.now() + roundMs;
      let checks = 0;
      while (performance.now() < endMs) {
        for (let i = 0; i < TURN; i++) void service.check(requests[checks++ % REQUESTS]!.bytes, context);
        await nextTurn();
      }
      const { user, system } = process.cpuUsage(before);
      if (round > 0) cpuUs.push((user + system) / checks);
    }
  }
  const none = served.get('nothing recorded')!.cpuUs;
  const rows = [...served].map(([name, { cpuUs, log }]) => {
    const more = median(cpuUs.map((us, round) => us - none[round]!));
    const lost = log?.counts.dropped ?? 0;
    return [
      name,
      median(cpuUs).toFixed(2),
      log === null ? '' : `×${median(cpuUs.map((us, round) => us / none[round]!)).toFixed(2)}`,
      log === null ? '' : (more / denied).toFixed(1),
      String(lost),
    ];
  });
  console.log(`\n${denied * 100} % of the checks are denied and recorded\n`);
  console.log(textTable(['log', 'CPU µs a check', 'ratio', 'CPU µs a record', 'lost'], rows));
  for (const { log } of served.values()) await log?.close(5000);
}

console.log(describeMachine(machine()));
try {
  for (const denied of [0.05, 1]) await measure(denied);
} finally {
  rmSync(folder, { recursive: true });
}
