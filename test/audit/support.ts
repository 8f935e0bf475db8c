/** Entries, sinks that do as they are told, and directories, for tests of the decision log. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Batch, Sink } from '../../src/audit/batch.ts';
import type { DecisionEntry } from '../../src/audit/entry.ts';

export const ENTRY: DecisionEntry = {
  timeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 6),
  id: 'd-1',
  decision: 'deny',
  reason: 'no_rule_matched',
  httpStatus: 403,
  policy: null,
  rule: null,
  revision: 'r1',
  principal: 'spiffe://cluster.local/ns/edge/sa/gateway',
  requestPrincipal: 'https://issuer.example/alice',
  workload: { namespace: 'shop', serviceAccount: 'orders', labels: new Map([['app', 'orders']]) },
  method: 'GET',
  host: 'orders.shop',
  path: '/orders/42?token=secret',
  envoyRequestId: '4c8f0c5e-0000-4000-8000-000000000000',
  traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
  spanId: null,
  headers: new Map(),
  claims: new Map(),
  durationMicros: 41.237,
  cached: false,
  shadow: null,
};

export const same = (entry: DecisionEntry): DecisionEntry => entry;

export const STREAM = 'host/0/2026-01-02T03:04:05.006Z';

export type Line = Readonly<Record<string, unknown>>;

export function linesIn(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** Keeps what it gets; `fails` makes it refuse, `holds` makes it wait. */
export class TestSink implements Sink {
  readonly name = 'test';
  readonly batches: Batch[] = [];
  fails: Error | null = null;
  holds: Promise<void> | null = null;
  attempts = 0;
  closed = false;

  async send(batch: Batch): Promise<void> {
    this.attempts += 1;
    if (this.holds !== null) await this.holds;
    if (this.fails !== null) throw this.fails;
    this.batches.push(batch);
  }

  close(): Promise<void> {
    this.closed = true;
    return Promise.resolve();
  }

  get text(): string {
    return this.batches.map(({ bytes }) => bytes.toString('utf8')).join('');
  }

  get lines(): Line[] {
    return linesIn(this.text);
  }
}

export interface Directory extends Disposable {
  readonly path: string;
}

export function directory(): Directory {
  const path = mkdtempSync(join(tmpdir(), 'portcullis-audit-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

const PATIENCE_MS = 20_000;

export async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain until ${what}`);
    await sleep(5);
  }
}
