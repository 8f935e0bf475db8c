/**
 * `npm run bench:engine`: what a decision costs, by shape and number of rules.
 *
 * Every size of a shape has a process of its own, so that its heap is clean. They are measured in rounds, one process
 * after the other and never two at once: what disturbs the machine disturbs all sizes, and ratios stand.
 */
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeMachine, machine } from '../lib/machine.ts';
import { freshSeed } from '../lib/random.ts';
import type { FromChild, PreparedFacts, Slice, ToChild } from './protocol.ts';
import { reportMarkdown, shapeResult, shapeText } from './report.ts';
import { TARGETS } from './targets.ts';
import type { EngineReport, ShapeResult, SizeFailure, SizeRun } from './report.ts';
import { SHAPES } from './shapes/all.ts';
import type { Shape } from './shapes/shape.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));

const USAGE = `Usage: npm run bench:engine -- [options]
  --shape NAME    only this shape (again for more): ${SHAPES.map(({ name }) => name).join(', ')}
  --size RULES    only this size (again for more); default 100, 1000, 10000 and 100000
  --seed NUMBER   repeats a run's requests
  --quick         the smallest and the largest size, few rounds, one build
  --no-write      leaves load-tests/results/ alone
  --strict        fails when a target is missed
`;

interface Options {
  readonly shapes: readonly Shape[];
  readonly sizes: readonly number[];
  readonly seed: number;
  readonly quick: boolean;
  readonly write: boolean;
  readonly strict: boolean;
}

/** How much is measured. Milliseconds. */
interface Effort {
  readonly rounds: number;
  readonly sliceMs: number;
  readonly builds: number;
  readonly requests: number;
  readonly checkMs: number;
  readonly slowestMs: number;
}

/** 4,096 requests of each kind are a few megabytes: more than a core's own cache holds, as with real traffic. */
const FULL: Effort = { rounds: 12, sliceMs: 60, builds: 3, requests: 4096, checkMs: 20_000, slowestMs: 3000 };
const QUICK: Effort = { rounds: 4, sliceMs: 30, builds: 1, requests: 4096, checkMs: 5000, slowestMs: 1000 };

function readOptions(): Options {
  const { values } = parseArgs({
    options: {
      shape: { type: 'string', multiple: true },
      size: { type: 'string', multiple: true },
      seed: { type: 'string' },
      quick: { type: 'boolean', default: false },
      'no-write': { type: 'boolean', default: false },
      strict: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  const known = new Map(SHAPES.map((shape) => [shape.name, shape]));
  const shapes =
    values.shape?.map((name) => known.get(name) ?? fail(`there is no shape \`${name}\`\n${USAGE}`)) ?? SHAPES;
  const sizes = values.size?.map(Number) ?? (values.quick ? [100, 100_000] : [100, 1000, 10_000, 100_000]);
  if (sizes.some((size) => !Number.isInteger(size / 100) || size < 100)) fail(`a size is a multiple of 100\n${USAGE}`);
  return {
    shapes,
    sizes: sizes.sort((a, b) => a - b),
    seed: values.seed === undefined ? freshSeed() : Number(values.seed),
    quick: values.quick,
    write: !values['no-write'],
    strict: values.strict,
  };
}

function fail(message: string): never {
  console.error(message);
  process.exit(2);
}

class Child {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(CHILD, { execArgv: ['--expose-gc', '--max-old-space-size=8192'], serialization: 'advanced' });
  }

  async ask<Told extends FromChild['told']>(
    message: ToChild,
    told: Told,
  ): Promise<FromChild & { readonly told: Told }> {
    const answer = await new Promise<FromChild>((resolve, reject) => {
      const left = (code: number | null): void => reject(new Error(`a child left with code ${code ?? 'none'}`));
      this.#process.once('exit', left);
      this.#process.once('message', (received: FromChild) => {
        this.#process.off('exit', left);
        resolve(received);
      });
      this.#process.send(message);
    });
    if (answer.told === 'failed') throw new Error(answer.message);
    if (answer.told !== told) throw new Error(`a child told \`${answer.told}\` when asked for \`${told}\``);
    return answer as FromChild & { readonly told: Told };
  }

  end(): void {
    this.#process.kill();
  }
}

interface SizeInWork {
  readonly rules: number;
  readonly child: Child;
  readonly facts: PreparedFacts;
  readonly rounds: (readonly Slice[])[];
}

async function measureShape(shape: Shape, options: Options, effort: Effort): Promise<ShapeResult> {
  const children = options.sizes.map((rules) => ({ rules, child: new Child() }));
  const failures: SizeFailure[] = [];
  try {
    const sizes: SizeInWork[] = [];
    for (const { rules, child } of children) {
      const { builds, requests, checkMs } = effort;
      const task = { shape: shape.name, rules, seed: options.seed, builds, requests, checkMs };
      try {
        const { facts } = await child.ask({ ask: 'prepare', task }, 'prepared');
        sizes.push({ rules, child, facts, rounds: [] });
      } catch (error) {
        // Out of memory, say, or a wrong decision: what the other sizes cost is worth knowing all the same.
        failures.push({ rules, message: error instanceof Error ? error.message : String(error) });
      }
    }
    // The first round compiles.
    for (let round = -1; round < effort.rounds; round++)
      for (const { child, rounds } of sizes) {
        const { slices } = await child.ask({ ask: 'round', sliceMs: effort.sliceMs }, 'round');
        if (round >= 0) rounds.push(slices);
      }
    const runs: SizeRun[] = [];
    for (const { rules, child, facts, rounds } of sizes) {
      const slowest = await child.ask({ ask: 'slowest', budgetMs: effort.slowestMs }, 'slowest');
      runs.push({ rules, facts, rounds, slowest: slowest.facts });
    }
    return shapeResult(shape, runs, failures);
  } finally {
    for (const { child } of children) child.end();
  }
}

const options = readOptions();
const on = machine();
console.log(
  `${describeMachine(on)}\nseed ${options.seed}; times are of one decision, medians of batches and their 99th percentile\n`,
);
const shapes: ShapeResult[] = [];
for (const shape of options.shapes) {
  const result = await measureShape(shape, options, options.quick ? QUICK : FULL);
  shapes.push(result);
  console.log(shapeText(result));
}
const report: EngineReport = { machine: on, seed: options.seed, quick: options.quick, targets: TARGETS, shapes };
const missed = shapes.flatMap(({ shape, sizes }) =>
  sizes.flatMap(({ rules, verdicts }) =>
    verdicts
      .filter(({ met }) => !met)
      .map(({ what, measured, limit }) => `${shape}, ${rules} rules: ${what} ${measured.toFixed(2)}, target ${limit}`),
  ),
);
if (options.write) {
  mkdirSync(RESULTS, { recursive: true });
  const name = `${RESULTS}engine-${on.date.slice(0, 10)}-${on.revision}`;
  writeFileSync(`${name}.json`, `${JSON.stringify(report, null, 1)}\n`);
  writeFileSync(`${name}.md`, reportMarkdown(report));
  console.log(`written to ${name}.json and .md`);
}
console.log(
  missed.length === 0 ? 'no target was missed' : `${missed.length} targets missed:\n  ${missed.join('\n  ')}`,
);
const failures = shapes.flatMap(({ shape, failures: each }) =>
  each.map(({ rules, message }) => `${shape}, ${rules} rules: ${message}`),
);
if (failures.length > 0) console.log(`${failures.length} could not be measured:\n  ${failures.join('\n  ')}`);
if (failures.length > 0 || (options.strict && missed.length > 0)) process.exitCode = 1;
