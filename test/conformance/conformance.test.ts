import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { isRefused } from './engine.ts';
import { REFUSED_SETS, TAKEN_SETS } from './known-gaps.ts';
import type { KnownGap } from './known-gaps.ts';
import type { Outcome } from './run.ts';
import { COLUMNS, rowsOf, tableText } from './tally.ts';
import { invalidFiles, RECORDINGS, vectorFiles } from './vectors.ts';
import type { VectorFile, VectorSet } from './vectors.ts';

/** Every request is decided eighteen times, on machines that have two cores and run other tests besides. */
const TIMEOUT_MS = 300_000;

/**
 * How many requests are denied in the joined form only. More would be stricter than need be; fewer would mean that a
 * reading is no longer thought of.
 */
const JOINED_DENIALS: Readonly<Record<string, number>> = { p: 11, b: 6 };

const FILES = vectorFiles();
const INVALID = invalidFiles();
const rows: string[][] = [COLUMNS];
const outcomes = new Map<string, Promise<Outcome>>();

beforeAll(() => {
  for (const { name, sets } of toRun(FILES)) {
    const outcome = inThread(sets);
    // Told where it is waited for, and not before.
    outcome.catch(() => undefined);
    outcomes.set(name, outcome);
  }
});

afterAll(() => {
  const kept = [...FILES, ...INVALID].filter((file) => file.kept > 0);
  const notes = [
    ...(FILES.some(({ name }) => name === 'a-public')
      ? []
      : ['a-public: NOT RUN, PORTCULLIS_VECTORS names no folder with it']),
    ...kept.map((file) => `${file.name}: ${file.kept} sets are among those above`),
  ].map((note) => `${note}\n`);
  process.stdout.write(
    `\nThe decisions of the real Istio and Envoy, and ours\n${tableText(rows)}\n${notes.join('')}\n`,
  );
});

describe.each(toRun(FILES))('the decisions of the real Istio and Envoy, $name', ({ name, sets }) => {
  let outcome: Outcome;

  beforeAll(async () => {
    outcome = await outcomes.get(name)!;
    rows.push(...rowsOf(name, outcome));
  }, TIMEOUT_MS);

  it('are the same by the index, the scan, the command line, and the service with and without its cache', () => {
    expect(outcome.disagreeing).toEqual([]);
    expect(outcome.cacheHits).toBeGreaterThan(0);
  });

  it('are ours with header lines apart', () => {
    expect(outcome.wrong).toEqual([]);
    expect(outcome.lines.agreed).toBe(outcome.requests);
  });

  it('are ours with lines joined, or denials where a header can be read in two ways', () => {
    expect(outcome.wronglyJoined).toEqual([]);
    expect(outcome.joined.opened).toBe(0);
    const closed = outcome.requests - outcome.joined.agreed;
    expect(closed).toBe(JOINED_DENIALS[name] ?? closed);
  });

  it('name the rule that is the first by its name of those that match here', () => {
    expect(outcome.otherRules).toEqual([]);
  });

  it('are of sets that load, but for known gaps', () => {
    expect(outcome.refused).toEqual(gapsAmong(REFUSED_SETS, sets));
  });
});

describe.each(toRun(INVALID))('policies that Istio refuses, $name', ({ name, sets }) => {
  it('are refused here, but for known gaps', () => {
    const taken = sets.filter((set) => !isRefused(set)).map(({ id }) => id);
    rows.push([name, 'policies', String(sets.length), '', `${sets.length - taken.length}`, '', '', `${taken.length}`]);
    expect(taken).toEqual(gapsAmong(TAKEN_SETS, sets));
  });
});

it('known gaps are of sets that are there', () => {
  const there = new Set([...FILES, ...INVALID].flatMap(({ sets }) => sets.map(({ id }) => id)));
  const gaps = [...REFUSED_SETS, ...TAKEN_SETS].map(({ id }) => id);
  // Of the sets that are not kept here nothing is known without the folder.
  expect(gaps.filter((id) => !there.has(id) && (RECORDINGS !== null || /^[pb]-/.test(id)))).toEqual([]);
});

/** Files side by side, and out of jest's own module loader, in which all this takes a third longer. */
async function inThread(sets: readonly VectorSet[]): Promise<Outcome> {
  const worker = new Worker(new URL('./worker.ts', import.meta.url), { workerData: sets });
  const [outcome] = (await once(worker, 'message')) as [Outcome];
  await worker.terminate();
  return outcome;
}

function toRun<Line>(files: readonly VectorFile<Line>[]): readonly VectorFile<Line>[] {
  return files.filter(({ sets }) => sets.length > 0);
}

function gapsAmong(gaps: readonly KnownGap[], sets: readonly { readonly id: string }[]): readonly string[] {
  return sets.map(({ id }) => id).filter((id) => gaps.some((gap) => gap.id === id));
}
