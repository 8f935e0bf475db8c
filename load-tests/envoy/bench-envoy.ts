/** `npm run bench:envoy`: latency and CPU that ext_authz adds to a request through the real Envoy, ours beside the Go yardstick's. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { buildYardstick } from '../bench/go-noop.ts';
import { twoCores } from '../bench/servers.ts';
import type { ServerKind } from '../bench/servers.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { textTable } from '../lib/table.ts';
import { ENVOY_HEAD, envoyRows, measureEnvoy } from './measure-envoy.ts';

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '2000' },
    rules: { type: 'string', default: '1000' },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 3 : 8));
const seconds = Number(values.seconds ?? (values.quick ? 3 : 8));
const perSecond = Number(values.rate);
const rules = Number(values.rules);

const on = machine();
const cores = twoCores();
console.log(`${describeMachine(on)}\n${rules} rules, ${perSecond} requests a second, ${rounds} rounds of ${seconds} s`);
console.log(
  cores.server === null
    ? 'cores cannot be chosen here: everything runs everywhere'
    : `Envoy and the servers on core ${cores.server}, the client on core ${cores.generator!}`,
);
const yardstick = buildYardstick();
if ('absent' in yardstick) console.log(`without the yardstick: ${yardstick.absent}`);
const servers: ServerKind[] = ['native', ...('absent' in yardstick ? [] : (['go-noop'] as const))];
const directory = mkdtempSync(join(tmpdir(), 'portcullis-envoy-'));
try {
  const options = { directory, cores, rules, perSecond, rounds, seconds, servers };
  const rows = await measureEnvoy({ ...options, tell: (line) => console.log(line) });
  console.log(`\n${textTable(ENVOY_HEAD, envoyRows(rows))}`);
  const [ours, theirs] = [rows.find(({ name }) => name === 'native')!, rows.find(({ name }) => name === 'go-noop')];
  const targets: [string, boolean][] = [[`errors ${ours.errors}, none`, ours.errors === 0]];
  if (theirs !== undefined)
    targets.push(
      [
        `added p50 ${ours.addedP50Us.toFixed(0)} µs, below the ${theirs.addedP50Us.toFixed(0)} of the yardstick`,
        ours.addedP50Us < theirs.addedP50Us,
      ],
      [
        `added p99 ${ours.addedP99Us.toFixed(0)} µs, below the ${theirs.addedP99Us.toFixed(0)} of the yardstick`,
        ours.addedP99Us < theirs.addedP99Us,
      ],
    );
  console.log(`\n${targets.map(([what, met]) => `${met ? 'met   ' : 'MISSED'} ${what}`).join('\n')}`);
  if (!values['no-write']) {
    mkdirSync(RESULTS, { recursive: true });
    const name = `${RESULTS}envoy-${on.date.slice(0, 10)}-${on.revision}.json`;
    const settings = { rules, perSecond, rounds, seconds, cores };
    writeFileSync(name, `${JSON.stringify({ machine: on, yardstick, settings, rows }, null, 1)}\n`);
    console.log(`written to ${name}`);
  }
  if (!targets.every(([, met]) => met)) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
