/**
 * How often each rule decided. A process that answers checks counts in one array, by the rule's number in its snapshot. What it
 * has counted goes on by name to the one that tells of it, so that counts outlive the snapshot, and the process.
 */
import type { Steps } from '../lib/steps.ts';

/** What is read of a rule: `DecidedRule` of pdp/decision.ts is one. */
export interface CountedRule {
  /** Its number in the snapshot. */
  readonly ordinal: number;
  readonly index: number;
  readonly name: string | null;
  readonly policy: {
    readonly kind: string;
    /** `namespace/name`; policies of two kinds may share it. */
    readonly name: string;
    readonly action: 'ALLOW' | 'DENY';
    readonly mode: string;
  };
}

/** Plain data, which crosses from process to process. */
export interface RuleHits {
  readonly kind: string;
  readonly policy: string;
  /** As reports have it: the name, else the number. A rule that is called as another is numbered shares its count. */
  readonly rule: string;
  /** Its place in the policy, when it was counted last. */
  readonly index: number;
  readonly decision: 'allow' | 'deny';
  /** Of the policy: a rule that is not enforced has hits when it would have decided. */
  readonly mode: string;
  readonly hits: number;
}

/** Counts in a process that answers checks. */
export class RuleHitCounter {
  #revision: string | null = null;
  // Float64: exact up to 2^53, should nobody ever ask.
  #hits = new Float64Array(0);
  /** Those with hits, in no order. */
  #hit: CountedRule[] = [];
  /** Counted under other snapshots. */
  #earlier: RuleHits[] = [];

  /** Counts by the numbers of this snapshot from now on. */
  use({ revision, ruleCount }: { readonly revision: string; readonly ruleCount: number }): void {
    if (revision === this.#revision) return;
    this.#earlier = this.take();
    this.#hits = new Float64Array(ruleCount);
    this.#revision = revision;
  }

  /** One decision. `revision`: of the snapshot whose rule it is, which a check that had to wait may have from before. */
  count(rule: CountedRule, revision: string | null): void {
    if (revision !== this.#revision) this.#earlier.push(hitsOf(rule, 1));
    else if (this.#hits[rule.ordinal]!++ === 0) this.#hit.push(rule);
  }

  /** What was counted since this was last asked for. */
  take(): RuleHits[] {
    const taken = this.#earlier;
    for (const rule of this.#hit) {
      taken.push(hitsOf(rule, this.#hits[rule.ordinal]!));
      this.#hits[rule.ordinal] = 0;
    }
    this.#hit = [];
    this.#earlier = [];
    return taken;
  }
}

/** What was counted since the start, for collections. */
export interface RuleHitsReading {
  readonly rules: readonly RuleHits[];
  /** Of all rules that ever were, by decision and mode. */
  readonly totals: readonly Pick<RuleHits, 'decision' | 'mode' | 'hits'>[];
}

/** The sums, of one process or several. */
export class RuleHitLedger {
  readonly #rules = new Map<string, RuleHits>();
  readonly #totals = new Map<string, Pick<RuleHits, 'decision' | 'mode' | 'hits'>>();

  add(counted: readonly RuleHits[]): void {
    for (const each of counted) {
      const { decision, mode, hits } = each;
      const key = keyOf(each);
      this.#rules.set(key, { ...each, hits: hits + (this.#rules.get(key)?.hits ?? 0) });
      const total = `${decision} ${mode}`;
      this.#totals.set(total, { decision, mode, hits: hits + (this.#totals.get(total)?.hits ?? 0) });
    }
  }

  read(): RuleHitsReading {
    return { rules: [...this.#rules.values()], totals: [...this.#totals.values()] };
  }

  /** 0: it has never decided. */
  hitsOf(rule: Omit<CountedRule, 'ordinal'>): number {
    return this.#rules.get(ruleKey(rule))?.hits ?? 0;
  }

  /** Forgets rules that are no more. `lives` is asked of each. */
  *keep(lives: (rule: RuleHits) => boolean): Steps<void> {
    for (const [key, rule] of this.#rules) {
      if (!lives(rule)) this.#rules.delete(key);
      yield;
    }
  }
}

function hitsOf({ policy, name, index }: Omit<CountedRule, 'ordinal'>, hits: number): RuleHits {
  return {
    kind: policy.kind,
    policy: policy.name,
    rule: name ?? String(index),
    index,
    decision: policy.action === 'ALLOW' ? 'allow' : 'deny',
    mode: policy.mode,
    hits,
  };
}

export function ruleKey(rule: Omit<CountedRule, 'ordinal'>): string {
  return keyOf(hitsOf(rule, 0));
}

/** Which rule it is. A rule that decides otherwise, or is enforced where it was not, is another one. */
export function keyOf({ kind, policy, rule, decision, mode }: RuleHits): string {
  return `${kind} ${policy} ${rule} ${decision} ${mode}`;
}
