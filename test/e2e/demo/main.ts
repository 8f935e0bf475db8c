/**
 * `npm run demo`: the sample shop behind a real Envoy. Prints what is asked and what is answered, then stays
 * up for requests of one's own; `-- --once` leaves after the table, with 1 when a row is not as expected.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { AccessLogEntry } from '../support/envoy.ts';
import type { HeaderLine } from '../support/headers.ts';
import { sendHttp1 } from '../support/http1-client.ts';
import { clientWith } from '../support/identities.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { World } from '../support/world.ts';
import { curlExamples } from './curl.ts';
import { rows, type Row } from './rows.ts';
import { certificateOfCaller, startShop, tokens } from './shop.ts';
import { table } from './table.ts';

const HEAD = ['', 'who', 'what', 'expected', 'status', 'rule', 'headers that the upstream saw'];

interface Outcome {
  readonly asExpected: boolean;
  readonly cells: readonly string[];
}

async function run(once: boolean): Promise<number> {
  const startedMs = performance.now();
  process.stdout.write('Starting Envoy, an upstream and Portcullis with policies/ …\n');
  const shop = await startShop();
  try {
    process.stdout.write(`Up after ${((performance.now() - startedMs) / 1000).toFixed(1)} s.\n\n`);
    const outcomes: Outcome[] = [];
    for (const [index, row] of rows.entries()) {
      outcomes.push(await ask(shop, row, index));
    }
    process.stdout.write(
      `${table(
        HEAD,
        outcomes.map(({ cells }) => cells),
      )}\n\n`,
    );
    const wrong = outcomes.filter(({ asExpected }) => !asExpected).length;
    process.stdout.write(`${String(outcomes.length)} requests, ${String(wrong)} not as expected.\n`);
    if (!once) {
      await stayUp(shop);
    }
    return wrong === 0 ? 0 : 1;
  } finally {
    await shop.stop();
  }
}

async function ask(shop: World, row: Row, index: number): Promise<Outcome> {
  const name = `demo-${String(index)}`;
  const target = shop.envoy.target(row.workload, clientWith(certificateOfCaller(row.who)));
  const headers: HeaderLine[] = [['x-case', name], ...(row.headers ?? [])];
  if (row.claims !== undefined) {
    headers.push(['authorization', `Bearer ${tokens.sign(row.claims)}`]);
  }
  const before = shop.upstream.seen().length;
  const { status } = await sendHttp1(target, {
    method: row.method ?? 'GET',
    path: row.path,
    host: row.host ?? `${row.workload}.shop.example`,
    headers,
  });
  const entry = await shop.envoy.accessLogOf(name);
  const seen = shop.upstream.seen().slice(before);
  const expected = `${String(row.expected.status)} ${row.expected.rule}`;
  const decided = ruleOf(entry);
  const injected = seen.flatMap((request) => request.headers).filter(([header]) => isTelling(header));
  const told = injected.map(([header, value]) => `${header}: ${value}`).join(', ');
  const asExpected =
    status === row.expected.status &&
    decided === row.expected.rule &&
    (status === 200) === (seen.length === 1) &&
    (row.expected.headers === undefined || row.expected.headers === told);
  const what = `${row.method ?? 'GET'} ${row.workload}${row.path}${row.note === undefined ? '' : ` (${row.note})`}`;
  const upstream = seen.length === 0 ? '(saw nothing)' : told;
  return { asExpected, cells: [asExpected ? '✓' : '✗', row.who, what, expected, String(status), decided, upstream] };
}

/** The rule that decided, or the reason why none did. */
function ruleOf({ metadata }: AccessLogEntry): string {
  const said =
    metadata?.['rule'] === undefined
      ? metadata?.['reason']
      : `${String(metadata['policy'])} ${String(metadata['rule'])}`;
  return typeof said === 'string' ? said : '(none)';
}

/** Headers of applications; what HTTP and Envoy add themselves is not the demo's subject. */
function isTelling(name: string): boolean {
  return /^x[-_]/.test(name) && !/^x-(forwarded-|envoy-|request-id$|case$)/.test(name);
}

async function stayUp(shop: World): Promise<void> {
  const files = await temporaryDirectory();
  try {
    process.stdout.write(
      `\n${await curlExamples(shop, (name, text) => writeFile(join(files.path, name), text), files.path)}\n`,
    );
    await new Promise<void>((resolve) => {
      process.once('SIGINT', resolve).once('SIGTERM', resolve);
    });
    process.stdout.write('\nStopping …\n');
  } finally {
    await files.remove();
  }
}

process.exitCode = await run(process.argv.includes('--once'));
