import { describe, expect, it } from '@jest/globals';
import { inTurn, summaryRows } from '../../../load-tests/bench/rounds.ts';
import type { Contender } from '../../../load-tests/bench/rounds.ts';
import type { Figures } from '../../../load-tests/generator/figures.ts';

function figures(cpuUs: number, p99: number, wrong = 0): Figures {
  return {
    seconds: 1,
    answers: 100,
    perSecond: 100,
    allowed: 100,
    denied: 0,
    wrong,
    wrongOnes: [],
    errors: {},
    errorCount: 0,
    latencyUs: { p50: p99 / 2, p90: p99, p99, p999: p99, max: p99, mean: p99 / 2 },
    askedAgain: 0,
    newConnections: 0,
    latestMs: 0,
    ownCpuUs: 1,
    server: { cpuUs, rssBytes: 2 ** 20, peakRssBytes: 2 ** 20 },
  };
}

function contender(name: string, costs: readonly number[], log: string[], decides = true): Contender {
  let round = 0;
  return {
    name,
    decides,
    measure: (settle) => {
      log.push(`${name}${settle ? ' settles' : ''}`);
      const cost = costs[round++]!;
      return Promise.resolve(figures(cost, cost * 10, 3));
    },
  };
}

describe('servers in turn', () => {
  it('are measured one after the other in each round, and settle in the first', async () => {
    const log: string[] = [];
    await inTurn([contender('a', [1, 1, 1], log), contender('b', [1, 1, 1], log)], 3, () => undefined);
    expect(log).toEqual(['a settles', 'b settles', 'a', 'b', 'a', 'b']);
  });

  it('are summed up by medians, least and most', async () => {
    const [a, b] = await inTurn(
      [contender('a', [30, 10, 20], []), contender('b', [2, 5, 100], [], false)],
      3,
      () => undefined,
    );
    expect(a!.cpuUs).toEqual({ median: 20, least: 10, most: 30 });
    expect(a!.answers).toBe(300);
    expect(a!.wrong).toBe(9);
    // It decides nothing, so nothing that it says is wrong.
    expect(b!.wrong).toBe(0);
    const { head, rows } = summaryRows([a!, b!], 'a');
    expect(head.slice(-2)).toEqual(['CPU : a', 'p99']);
    expect(rows[0]!.slice(-2)).toEqual(['×1.000', '×1.000']);
    expect(rows[1]!.slice(-2)).toEqual(['×0.250', '×0.250']);
  });

  it('have no ratios when the one to compare to is not there', async () => {
    const [only] = await inTurn([contender('a', [1], [])], 1, () => undefined);
    const { head, rows } = summaryRows([only!], 'b');
    expect(rows[0]).toHaveLength(head.length);
    expect(head.at(-1)).toBe('errors');
  });
});
