/** What profiles say, by function. */
import type { HeapProfiler, Profiler, Runtime } from 'node:inspector';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface Share {
  readonly where: string;
  /** Microseconds, or bytes. */
  readonly amount: number;
  /** Of all but what was spent waiting, 0 to 1. */
  readonly share: number;
}

/** Waiting, and the profiler's own beginning. */
const NOT_WORK = ['(idle)', 'post node:inspector:'];

/** Time in each function itself, most first. */
export function selfTimes({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): Share[] {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const times = new Map<string, number>();
  samples.forEach((id, i) => {
    const where = nameOf(frames.get(id)!);
    if (!NOT_WORK.some((start) => where.startsWith(start))) add(times, where, timeDeltas[i] ?? 0);
  });
  return shares(times);
}

/** Bytes that each function itself has allocated, most first. */
export function allocatedBytes({ head }: HeapProfiler.SamplingHeapProfile): Share[] {
  const bytes = new Map<string, number>();
  const visit = ({ callFrame, selfSize, children }: HeapProfiler.SamplingHeapProfileNode): void => {
    add(bytes, nameOf(callFrame), selfSize);
    for (const child of children) visit(child);
  };
  visit(head);
  return shares(bytes);
}

function add(amounts: Map<string, number>, where: string, amount: number): void {
  amounts.set(where, (amounts.get(where) ?? 0) + amount);
}

function shares(amounts: ReadonlyMap<string, number>): Share[] {
  const total = [...amounts.values()].reduce((sum, amount) => sum + amount, 0);
  return [...amounts]
    .filter(([, amount]) => amount > 0)
    .map(([where, amount]) => ({ where, amount, share: amount / total }))
    .sort((a, b) => b.amount - a.amount);
}

function nameOf({ functionName, url, lineNumber }: Runtime.CallFrame): string {
  const name = functionName === '' ? '(anonymous)' : functionName;
  if (url === '') return name;
  const file = url.startsWith('file:') ? relative(ROOT, fileURLToPath(url)) : url;
  return `${name} ${file}:${lineNumber + 1}`;
}
