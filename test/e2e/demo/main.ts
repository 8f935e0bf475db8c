/**
 * `npm run demo`: the sample shop behind a real Envoy. Prints what is asked and what is answered, then stays
 * up for requests of one's own; `-- --once` leaves after the table, with 1 when a row is not as expected.
 */
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { World } from '../support/world.ts';
import { ask, type Outcome } from './ask.ts';
import { curlExamples } from './curl.ts';
import { ROWS, type Row } from './rows.ts';
import { startShop } from './shop.ts';
import { table } from './table.ts';

const HEAD = ['', 'who', 'what', 'expected', 'status', 'rule', 'what the upstream saw'];

process.exitCode = await run(process.argv.includes('--once'));

async function run(once: boolean): Promise<number> {
  const startedMs = performance.now();
  console.log('Starting a real Envoy, an upstream and Portcullis with policies/ …');
  const shop = await startShop();
  try {
    console.log(`Up after ${((performance.now() - startedMs) / 1000).toFixed(1)} s.\n`);
    const outcomes: Outcome[] = [];
    for (const [index, row] of ROWS.entries()) {
      outcomes.push(await ask(shop, row, index));
    }
    console.log(`${table(HEAD, outcomes.map(cells))}\n`);
    const wrong = outcomes.filter(({ asExpected }) => !asExpected);
    for (const { row } of wrong) {
      const { status, rule, headers } = row.expected;
      console.log(`✗ ${row.who}, ${row.path}: expected ${String(status)}, ${rule}, headers: ${headers ?? 'none'}`);
    }
    console.log(`${String(outcomes.length)} requests, ${String(wrong.length)} not as expected.`);
    if (!once) {
      await stayUp(shop);
    }
    return wrong.length === 0 ? 0 : 1;
  } finally {
    await shop.stop();
  }
}

function cells(outcome: Outcome): string[] {
  const { row, asExpected, status, rule } = outcome;
  const { expected, grpc } = row;
  return [
    asExpected ? '✓' : '✗',
    row.token === undefined ? row.who : `${row.who}, for ${row.token}`,
    question(row),
    `${grpc === true ? 'gRPC ' : ''}${String(expected.status)}: ${expected.because}`,
    `${grpc === true ? 'gRPC ' : ''}${String(status)}`,
    rule,
    answered(outcome),
  ];
}

function question({ grpc, method, workload, path, host, headers }: Row): string {
  const words = [grpc === true ? 'gRPC' : (method ?? 'GET'), workload, path];
  if (host !== undefined) {
    words.push('as', host);
  }
  if (headers !== undefined) {
    words.push('with', headers.map(([name, value]) => `${name}: ${value}`).join(', '));
  }
  return words.join(' ');
}

/** What the upstream saw, as far as it differs from what the client sent or tells who it is for. */
function answered({ row, seen }: Outcome): string {
  if (seen === null) {
    return 'nothing';
  }
  const words = [...(seen.path === row.path ? [] : [seen.path]), ...(seen.headers === '' ? [] : [seen.headers])];
  return words.length === 0 ? 'the request as it was' : words.join(' ');
}

async function stayUp(shop: World<'portcullis'>): Promise<void> {
  const files = await temporaryDirectory();
  try {
    console.log(`\n${await curlExamples(shop, files.path)}\n`);
    await new Promise<void>((resolve) => {
      process.once('SIGINT', resolve).once('SIGTERM', resolve);
    });
    console.log('\nStopping …');
  } finally {
    await files.remove();
  }
}
