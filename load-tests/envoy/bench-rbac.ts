/** `npm run bench:rbac`: what a request costs with Envoy's own RBAC filter, and with Portcullis, both holding the same rules. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { twoCores } from '../bench/servers.ts';
import { describeMachine, machine } from '../lib/machine.ts';
import { freshSeed } from '../lib/random.ts';
import { textTable } from '../lib/table.ts';
import { measureRbac, RBAC_HEAD, rbacRows } from './measure-rbac.ts';

const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));
/** From so many rules on, Portcullis must cost less. */
const TARGET_RULES = 1_000;

const { values } = parseArgs({
  options: {
    size: { type: 'string', multiple: true, default: ['100', '1000', '10000'] },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    quick: { type: 'boolean', default: false },
    'no-write': { type: 'boolean', default: false },
  },
});
const rounds = Number(values.rounds ?? (values.quick ? 2 : 5));
const seconds = Number(values.seconds ?? (values.quick ? 2 : 4));
const seed = values.seed === undefined ? freshSeed() : Number(values.seed);
const sizes = values.size.map(Number);

const on = machine();
const cores = twoCores();
console.log(`${describeMachine(on)}\nseed ${seed}, ${rounds} rounds of ${seconds} s`);
console.log(
  cores.server === null
    ? 'cores cannot be chosen here: everything runs everywhere'
    : `Envoy and Portcullis on core ${cores.server}, the client on core ${cores.generator!}`,
);
const directory = mkdtempSync(join(tmpdir(), 'portcullis-rbac-'));
try {
  const rows = await measureRbac({ directory, cores, sizes, rounds, seconds, seed, tell: (line) => console.log(line) });
  console.log('\nMicroseconds of CPU a request, all processes but the client');
  console.log(textTable(RBAC_HEAD, rbacRows(rows)));
  const targets: [string, boolean][] = rows
    .filter(({ rules }) => rules >= TARGET_RULES)
    .map(({ rules, traffic, cpuUs }) => [
      `${rules} rules, ${traffic}: ${cpuUs.portcullis.toFixed(1)} µs, less than the ${cpuUs.rbac.toFixed(1)} of RBAC`,
      cpuUs.portcullis < cpuUs.rbac,
    ]);
  const errors = rows.reduce((sum, row) => sum + row.errors, 0);
  targets.push([`errors and answers that are not what the rules say ${errors}, none`, errors === 0]);
  console.log(`\n${targets.map(([what, met]) => `${met ? 'met   ' : 'MISSED'} ${what}`).join('\n')}`);
  if (!values['no-write']) {
    mkdirSync(RESULTS, { recursive: true });
    const name = `${RESULTS}rbac-${on.date.slice(0, 10)}-${on.revision}.json`;
    writeFileSync(
      name,
      `${JSON.stringify({ machine: on, settings: { rounds, seconds, seed, sizes, cores }, rows }, null, 1)}\n`,
    );
    console.log(`written to ${name}`);
  }
  if (!targets.every(([, met]) => met)) process.exitCode = 1;
} finally {
  rmSync(directory, { recursive: true, force: true });
}
