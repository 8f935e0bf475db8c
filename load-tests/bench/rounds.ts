/** Servers measured in turn, A B A B …: what disturbs the machine disturbs all of them alike. */
import type { Figures } from '../generator/figures.ts';
import { median, quantile } from '../lib/statistics.ts';

export interface Summary {
  readonly name: string;
  /** Microseconds of CPU for each check: the median of the rounds, the least, and the most. */
  readonly cpuUs: Spread;
  readonly perSecond: Spread;
  readonly p50Us: Spread;
  readonly p99Us: Spread;
  readonly p999Us: Spread;
  readonly rssMib: number;
  readonly answers: number;
  readonly wrong: number;
  readonly errors: number;
  /** By which the generator was late at worst. */
  readonly generatorLateMs: number;
  readonly rounds: readonly Figures[];
}

export interface Spread {
  readonly median: number;
  readonly least: number;
  readonly most: number;
}

export interface Contender {
  readonly name: string;
  /** One that decides nothing gives answers that are not looked at. */
  readonly decides: boolean;
  /** One measurement; `settle`: long enough, before it, for a compiler to be done. */
  readonly measure: (settle: boolean) => Promise<Figures>;
}

export async function inTurn(
  contenders: readonly Contender[],
  rounds: number,
  tell: (line: string) => void,
): Promise<Summary[]> {
  const measured = new Map<Contender, Figures[]>(contenders.map((each) => [each, []]));
  for (let round = 0; round < rounds; round++)
    for (const contender of contenders) {
      const figures = await contender.measure(round === 0);
      measured.get(contender)!.push(figures);
      tell(
        `round ${round + 1} of ${rounds}, ${contender.name}: ${(figures.server?.cpuUs ?? Number.NaN).toFixed(1)} µs of CPU a ` +
          `check, ${figures.perSecond.toFixed(0)} a second, p99 ${figures.latencyUs.p99.toFixed(0)} µs` +
          (figures.errorCount > 0 ? `, ${JSON.stringify(figures.errors)}` : ''),
      );
    }
  return contenders.map((contender) => summarize(contender, measured.get(contender)!));
}

function summarize({ name, decides }: Contender, rounds: readonly Figures[]): Summary {
  const spread = (of: (figures: Figures) => number): Spread => {
    const values = rounds.map(of);
    return { median: median(values), least: quantile(values, 0), most: quantile(values, 1) };
  };
  const sum = (of: (figures: Figures) => number): number => rounds.reduce((total, figures) => total + of(figures), 0);
  return {
    name,
    cpuUs: spread(({ server }) => server?.cpuUs ?? Number.NaN),
    perSecond: spread(({ perSecond }) => perSecond),
    p50Us: spread(({ latencyUs }) => latencyUs.p50),
    p99Us: spread(({ latencyUs }) => latencyUs.p99),
    p999Us: spread(({ latencyUs }) => latencyUs.p999),
    rssMib: Math.max(...rounds.map(({ server }) => (server?.rssBytes ?? 0) / 2 ** 20)),
    answers: sum(({ answers }) => answers),
    wrong: decides ? sum(({ wrong }) => wrong) : 0,
    errors: sum(({ errorCount }) => errorCount),
    generatorLateMs: Math.max(...rounds.map(({ latestMs }) => latestMs)),
    rounds,
  };
}

const SUMMARY_HEAD = [
  '',
  'CPU µs',
  'least–most',
  'a second',
  'p50 µs',
  'p99 µs',
  'p99.9 µs',
  'RSS MiB',
  'wrong',
  'errors',
];

/** Ratios are to the server of this name, where it is among them. */
export function summaryRows(summaries: readonly Summary[], yardstick: string): { head: string[]; rows: string[][] } {
  const base = summaries.find(({ name }) => name === yardstick);
  const rows = summaries.map((each) => [
    each.name,
    each.cpuUs.median.toFixed(1),
    `${each.cpuUs.least.toFixed(1)}–${each.cpuUs.most.toFixed(1)}`,
    each.perSecond.median.toFixed(0),
    each.p50Us.median.toFixed(0),
    each.p99Us.median.toFixed(0),
    each.p999Us.median.toFixed(0),
    each.rssMib.toFixed(0),
    String(each.wrong),
    String(each.errors),
    ...(base === undefined
      ? []
      : [ratio(each.cpuUs.median / base.cpuUs.median), ratio(each.p99Us.median / base.p99Us.median)]),
  ]);
  return { head: [...SUMMARY_HEAD, ...(base === undefined ? [] : [`CPU : ${yardstick}`, 'p99'])], rows };
}

export function ratio(value: number): string {
  return `×${value.toFixed(3)}`;
}
