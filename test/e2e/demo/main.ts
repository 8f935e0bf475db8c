/**
 * `npm run demo`: the sample policies behind a real Envoy, people's tokens from a real OpenID provider. Prints what is asked and what is answered, then stays
 * up for requests of one's own; `-- --once` leaves after the table, with 1 when a row is not as expected.
 */
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { ask, type Outcome } from './ask.ts';
import { curlExamples } from './curl.ts';
import { remoteRows } from './remote-rows.ts';
import { ROWS, type Row } from './rows.ts';
import { startDemo, type Demo } from './shop.ts';
import { table } from './table.ts';

const HEAD = ['', 'who', 'what', 'expected', 'status', 'rule', 'what the upstream saw'];

process.exitCode = await run(process.argv.includes('--once'));

async function run(once: boolean): Promise<number> {
  const startedMs = performance.now();
  console.log('Starting a real Envoy, an upstream, OpenID providers and Portcullis with policies/ …');
  const demo = await startDemo();
  try {
    console.log(`Up after ${((performance.now() - startedMs) / 1000).toFixed(1)} s.\n`);
    const outcomes: Outcome[] = [];
    for (const [index, row] of [...ROWS, ...remoteRows(demo.issuers)].entries()) {
      outcomes.push(await ask(demo, row, index));
    }
    console.log(`${table(HEAD, outcomes.map(cells))}\n`);
    const wrong = outcomes.filter(({ asExpected }) => !asExpected);
    for (const { row } of wrong) {
      const { status, rule, flaw, headers } = row.expected;
      const [words, seen] = [flaw === undefined ? '' : ` (${flaw})`, headers ?? 'none'];
      console.log(`✗ ${row.who}, ${row.path}: expected ${String(status)}, ${rule}${words}, headers: ${seen}`);
    }
    console.log(`${String(outcomes.length)} requests, ${String(wrong.length)} not as expected.`);
    if (!once) {
      await stayUp(demo);
    }
    return wrong.length === 0 ? 0 : 1;
  } finally {
    await demo.stop();
  }
}

function cells(outcome: Outcome): string[] {
  const { row, asExpected, status, rule, flaw } = outcome;
  const { expected, grpc } = row;
  return [
    asExpected ? '✓' : '✗',
    row.token === undefined ? row.who : `${row.who}, for ${row.token}`,
    question(row),
    `${grpc === true ? 'gRPC ' : ''}${String(expected.status)}: ${expected.because}`,
    `${grpc === true ? 'gRPC ' : ''}${String(status)}`,
    flaw === '' ? rule : `${rule} (${flaw})`,
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

async function stayUp(demo: Demo): Promise<void> {
  const files = await temporaryDirectory();
  try {
    console.log(`\n${await curlExamples(demo, files.path)}\n`);
    console.log(`What became of it, and why: ${demo.services.portcullis.adminUrl}/console/\n`);
    await new Promise<void>((resolve) => {
      process.once('SIGINT', resolve).once('SIGTERM', resolve);
    });
    console.log('\nStopping …');
  } finally {
    await files.remove();
  }
}
