import type { Action } from '../policy/model.ts';
import type { CompiledRule } from '../policy/compile/compiled-rule.ts';
import type { EntrySet } from './flat/entry-query.ts';
import type { FlatSnapshot } from './flat/flat-snapshot.ts';
import { printEntries } from './flat/print.ts';
import { ruleMatch } from './match/match-rule.ts';
import type { RuleIndex } from './rule-index.ts';

/** More lists than this are put together into one, so that a request does not go through each. */
const MAX_LISTS = 4;

/** No rule at all. One for all scopes, most of which have no rules of some action or mode. */
const NO_RULES: RuleIndex = Object.freeze({ rules: [], first: () => null, print: () => '0 entries' });

/** `references`: of the entries of each attachment in scope, all of one action and mode. */
export function flatRules(flat: FlatSnapshot, action: Action, references: readonly number[]): RuleIndex {
  const filled = references.filter((reference) => reference !== 0);
  return filled.length === 0 ? NO_RULES : new FlatRules(flat, action, filled);
}

/** Kept by the thousand, one or two for each workload: no closures. */
class FlatRules implements RuleIndex {
  readonly #flat: FlatSnapshot;
  readonly #action: Action;
  readonly #references: readonly number[];
  readonly #sets: readonly EntrySet[];
  readonly #size: number;

  constructor(flat: FlatSnapshot, action: Action, references: readonly number[]) {
    this.#flat = flat;
    this.#action = action;
    this.#references = references;
    this.#sets = entrySets(flat, references);
    this.#size = references.reduce((sum, reference) => sum + flat.postings.count(reference), 0);
  }

  get rules(): readonly CompiledRule[] {
    const rules = new Map<number, CompiledRule>();
    for (const entry of entriesOf(this.#flat, this.#references)) {
      const rule = this.#flat.ruleOfEntry(entry);
      rules.set(rule.ordinal, rule);
    }
    return [...rules.values()];
  }

  first(
    request: Parameters<RuleIndex['first']>[0],
    nowMs: number,
    token: Parameters<RuleIndex['first']>[2],
  ): CompiledRule | null {
    const asking = { request, nowMs, action: this.#action, matches: ruleMatch(token), bestToken: token !== 'as it is' };
    return this.#flat.query.first(this.#sets, this.#size, asking);
  }

  print(): string {
    return printEntries(this.#flat, entriesOf(this.#flat, this.#references));
  }
}

function entrySets({ postings }: FlatSnapshot, references: readonly number[]): readonly EntrySet[] {
  const bitmaps = references
    .filter((reference) => postings.isBitmap(reference))
    .map((reference): EntrySet => ({ kind: 'bitmap', reference }));
  const lists = references
    .filter((reference) => !postings.isBitmap(reference))
    .map((reference) => postings.entries(reference));
  const joined = lists.length > MAX_LISTS ? [lists.flat().sort((a, b) => a - b)] : lists;
  return [...joined.map((entries): EntrySet => ({ kind: 'list', entries })), ...bitmaps];
}

function entriesOf({ postings }: FlatSnapshot, references: readonly number[]): readonly number[] {
  return references.flatMap((reference) => postings.entries(reference)).sort((a, b) => a - b);
}
