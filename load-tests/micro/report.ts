/** From what the children measured to tables for people and a file for machines. */
import { describeMachine } from '../lib/machine.ts';
import type { Machine } from '../lib/machine.ts';
import { median, quantile } from '../lib/statistics.ts';
import { markdownTable, textTable } from '../lib/table.ts';
import type { PreparedFacts, Slice, SlowestFacts } from './protocol.ts';
import type { RequestKind, Shape } from './shapes/shape.ts';
import { TARGETS, verdicts } from './targets.ts';
import type { Verdict } from './targets.ts';

/** All of one size of one shape. `rounds`: of each, in order. */
export interface SizeRun {
  readonly rules: number;
  readonly facts: PreparedFacts;
  readonly rounds: readonly (readonly Slice[])[];
  readonly slowest: SlowestFacts;
}

export interface KindResult {
  readonly medianUs: number;
  /** Of batches. */
  readonly p99Us: number;
  /** The mean in CPU time of the thread. */
  readonly cpuUs: number;
}

export interface SizeResult {
  readonly rules: number;
  readonly kinds: Readonly<Partial<Record<RequestKind | 'cached', KindResult>>>;
  /** Requests that some rule decided, all kinds of them; and those of which none did. */
  readonly hit: KindResult;
  readonly miss: KindResult;
  readonly cached: KindResult;
  readonly worstKind: RequestKind;
  readonly worstUs: number;
  readonly slowestRequestUs: number;
  readonly slowestRequestKind: RequestKind;
  readonly buildSeconds: number;
  readonly buildCpuSeconds: number;
  readonly scopeUs: number;
  readonly workloads: number;
  readonly heapBytesPerRule: number;
  readonly heapBytesPerRuleInUse: number;
  readonly checkedDecisions: number;
  readonly decisions: number;
  readonly verdicts: readonly Verdict[];
}

export interface ShapeResult {
  readonly shape: string;
  readonly about: string;
  readonly target: Shape['target'];
  readonly sizes: readonly SizeResult[];
  readonly failures: readonly SizeFailure[];
  /** Cost with the most rules over cost with the fewest, of the kind of request for which it is largest; null: one size. */
  readonly growth: number | null;
  readonly growthOf: RequestKind | null;
}

/** A size that was not measured: wrong decisions, no memory left. */
export interface SizeFailure {
  readonly rules: number;
  readonly message: string;
}

export interface EngineReport {
  readonly machine: Machine;
  readonly seed: number;
  readonly quick: boolean;
  readonly targets: typeof TARGETS;
  readonly shapes: readonly ShapeResult[];
}

export function shapeResult(shape: Shape, runs: readonly SizeRun[], failures: readonly SizeFailure[]): ShapeResult {
  const growth = growthOf(runs);
  return {
    shape: shape.name,
    about: shape.about,
    target: shape.target,
    sizes: runs.map((run) => sizeResult(shape, run, growth?.factor ?? null)),
    failures,
    growth: growth?.factor ?? null,
    growthOf: growth?.kind ?? null,
  };
}

function sizeResult(shape: Shape, run: SizeRun, growth: number | null): SizeResult {
  const { rules, facts, rounds, slowest } = run;
  const slicesOf = (...kinds: readonly Slice['of'][]): Slice[] =>
    rounds.flatMap((round) => round.filter(({ of }) => kinds.includes(of)));
  const byKind = facts.kinds.map((kind) => [kind, kindResult(slicesOf(kind))] as const);
  const [worstKind, worst] = byKind.reduce((a, b) => (b[1].medianUs > a[1].medianUs ? b : a));
  const cached = kindResult(slicesOf('cached'));
  const figures = {
    rules,
    worstUs: worst.medianUs,
    cachedUs: cached.medianUs,
    buildSeconds: facts.buildSeconds,
    heapBytesPerRule: Math.max(facts.heapBytes, facts.heapBytesInUse) / facts.ruleCount,
  };
  return {
    rules,
    kinds: Object.fromEntries([...byKind, ['cached', cached] as const]),
    hit: kindResult(slicesOf('early', 'random', 'last')),
    miss: kindResult(slicesOf('miss')),
    cached,
    worstKind,
    worstUs: worst.medianUs,
    slowestRequestUs: slowest.ns / 1000,
    slowestRequestKind: slowest.kind,
    buildSeconds: facts.buildSeconds,
    buildCpuSeconds: facts.buildCpuSeconds,
    scopeUs: facts.scopeUs,
    workloads: facts.workloads,
    heapBytesPerRule: facts.heapBytes / facts.ruleCount,
    heapBytesPerRuleInUse: facts.heapBytesInUse / facts.ruleCount,
    checkedDecisions: facts.checked,
    decisions: rounds.flat().reduce((sum, { decisions }) => sum + decisions, 0),
    verdicts: verdicts(shape.target, figures, growth),
  };
}

function kindResult(slices: readonly Slice[]): KindResult {
  const batches = batchesOf(slices);
  const sum = (of: (slice: Slice) => number): number => slices.reduce((total, slice) => total + of(slice), 0);
  return {
    medianUs: median(batches) / 1000,
    p99Us: quantile(batches, 0.99) / 1000,
    cpuUs: (sum(({ cpuMs }) => cpuMs) * 1000) / sum(({ decisions }) => decisions),
  };
}

function batchesOf(slices: readonly Slice[]): number[] {
  return slices.flatMap(({ batchesNs }) => batchesNs);
}

/**
 * Of first quartiles: what else the machine does only ever makes a batch slower, and the quarter of them that it
 * disturbed least says what the engine does. Both sizes were measured in turn, so that they were disturbed alike.
 */
function growthOf(runs: readonly SizeRun[]): { readonly factor: number; readonly kind: RequestKind } | null {
  const small = runs[0];
  const large = runs.at(-1);
  if (small === undefined || large === undefined || small === large) return null;
  const quartile = (run: SizeRun, kind: RequestKind): number =>
    quantile(batchesOf(run.rounds.flatMap((round) => round.filter(({ of }) => of === kind))), 0.25);
  const factors = small.facts.kinds.map((kind) => ({ kind, factor: quartile(large, kind) / quartile(small, kind) }));
  return factors.reduce((a, b) => (b.factor > a.factor ? b : a));
}

const HEAD = [
  'shape',
  'rules',
  'hit µs',
  'p99',
  'miss µs',
  'p99',
  'worst µs',
  'CPU µs',
  'slowest µs',
  'cached µs',
  'p99',
  'build s',
  'CPU s',
  'scope µs',
  'B/rule',
  'in use',
  'growth',
  'targets',
] as const;

function rowsOf({ shape, sizes, growth, growthOf: kind, failures }: ShapeResult): string[][] {
  const notMeasured = failures.map(({ rules }) => [
    shape,
    String(rules),
    ...HEAD.slice(3).map(() => ''),
    'FAILED: not measured',
  ]);
  const measured = sizes.map((size, i) => {
    const last = i === sizes.length - 1;
    const missed = size.verdicts.filter(({ met }) => !met).map(({ what }) => what);
    return [
      shape,
      String(size.rules),
      short(size.hit.medianUs),
      short(size.hit.p99Us),
      Number.isNaN(size.miss.medianUs) ? '' : short(size.miss.medianUs),
      Number.isNaN(size.miss.p99Us) ? '' : short(size.miss.p99Us),
      `${short(size.worstUs)} ${size.worstKind}`,
      short(size.kinds[size.worstKind]?.cpuUs ?? Number.NaN),
      `${short(size.slowestRequestUs)} ${size.slowestRequestKind}`,
      short(size.cached.medianUs),
      short(size.cached.p99Us),
      size.buildSeconds.toFixed(3),
      size.buildCpuSeconds.toFixed(3),
      short(size.scopeUs),
      // Of a small set the code that runs takes more than the rules.
      size.rules < 10_000 ? '' : size.heapBytesPerRule.toFixed(0),
      size.rules < 10_000 ? '' : size.heapBytesPerRuleInUse.toFixed(0),
      last && growth !== null ? `×${growth.toFixed(2)} ${kind ?? ''}` : '',
      size.verdicts.length === 0 ? '' : missed.length === 0 ? 'met' : `MISSED: ${missed.join(', ')}`,
    ];
  });
  return [...measured, ...notMeasured];
}

function short(us: number): string {
  return us < 1 ? us.toFixed(3) : us < 100 ? us.toFixed(2) : us.toFixed(0);
}

export function shapeText(result: ShapeResult): string {
  return `${result.shape}: ${result.about}\n${textTable(
    HEAD.slice(1),
    rowsOf(result).map((row) => row.slice(1)),
  )}\n`;
}

export function reportMarkdown(report: EngineReport): string {
  const { growth, uncachedUs, cachedUs, buildSeconds, heapBytesPerRule } = TARGETS;
  return [
    '# Engine benchmark',
    '',
    `${describeMachine(report.machine)}, seed ${report.seed}${report.quick ? ', quick' : ''}.`,
    '',
    `Targets at ${TARGETS.rules} rules: growth from ${TARGETS.smallRules} rules at most ×${growth.flat} (×${growth.adversarial} for f), ` +
      `uncached under ${uncachedUs.flat} µs (${uncachedUs.adversarial} µs for f), cached under ${cachedUs} µs, ` +
      `built in ${buildSeconds} s, ${heapBytesPerRule} bytes of heap a rule.`,
    '',
    markdownTable(
      HEAD,
      report.shapes.flatMap((shape) => rowsOf(shape)),
    ),
    '',
    ...report.shapes.map(({ shape, about }) => `- ${shape}: ${about}`),
    '',
  ].join('\n');
}
