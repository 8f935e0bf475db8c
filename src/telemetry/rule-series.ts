/**
 * Which rules have series of their own. There may be a hundred thousand rules, and a series for each would be too much for
 * whoever stores them: so many of the most hit ones have one, the hits of all others are counted together.
 *
 * A series goes on once it is there, and what is counted never becomes less: a rule that gets a series after it was counted
 * among the others begins at 0.
 */
import { keyOf } from './rule-hits.ts';
import type { RuleHits, RuleHitsReading } from './rule-hits.ts';

/** What stands for the policy and the rule of all others; the name of a policy has a `/`. */
export const OTHER_RULES = 'others';

interface Series {
  readonly of: RuleHits;
  /** Hits that were counted among the others; below 0 where the rule went and came again. */
  before: number;
  hits: number;
}

export class RuleSeries {
  readonly #max: number;
  readonly #series = new Map<string, Series>();
  /** Those that were counted among the others last time. */
  #others: ReadonlySet<string> = new Set();
  /** Hits of series that have ended, by decision and mode: they were no others' hits, and never become such. */
  readonly #ended = new Map<string, number>();

  constructor(max: number) {
    this.#max = max;
  }

  /** The series of this collection. */
  select({ rules, totals }: RuleHitsReading): readonly RuleHits[] {
    const current = new Map(rules.map((rule) => [keyOf(rule), rule]));
    for (const [key, series] of this.#series) {
      const rule = current.get(key);
      if (rule === undefined) this.#end(key, series);
      else {
        series.before = Math.min(series.before, rule.hits - series.hits);
        series.hits = rule.hits - series.before;
      }
    }
    const without = rules.filter((rule) => !this.#series.has(keyOf(rule)));
    const most = this.#series.size < this.#max ? without.toSorted((a, b) => b.hits - a.hits) : without;
    for (const rule of most.splice(0, Math.max(0, this.#max - this.#series.size))) {
      const before = this.#others.has(keyOf(rule)) ? rule.hits : 0;
      this.#series.set(keyOf(rule), { of: rule, before, hits: rule.hits - before });
    }
    this.#others = new Set(most.map(keyOf));
    const own = [...this.#series.values()].map(({ of, hits }) => ({ ...of, hits }));
    return [...own, ...this.#rest(own, totals)];
  }

  #end(key: string, { of, hits }: Series): void {
    this.#series.delete(key);
    const group = groupOf(of);
    this.#ended.set(group, hits + (this.#ended.get(group) ?? 0));
  }

  /** None where there never was another. */
  #rest(own: readonly RuleHits[], totals: RuleHitsReading['totals']): readonly RuleHits[] {
    return totals.flatMap(({ decision, mode, hits }) => {
      const group = groupOf({ decision, mode });
      const shown = own.reduce((sum, each) => sum + (groupOf(each) === group ? each.hits : 0), 0);
      const rest = hits - shown - (this.#ended.get(group) ?? 0);
      const names = { kind: OTHER_RULES, policy: OTHER_RULES, rule: OTHER_RULES, index: 0 };
      return rest > 0 ? [{ ...names, decision, mode, hits: rest }] : [];
    });
  }
}

function groupOf({ decision, mode }: Pick<RuleHits, 'decision' | 'mode'>): string {
  return `${decision} ${mode}`;
}
