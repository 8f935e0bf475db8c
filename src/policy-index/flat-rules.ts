import type { Action } from '../policy/model.ts';
import type { CompiledRule } from '../policy/compile/compiled-rule.ts';
import type { EntrySet } from './flat/entry-query.ts';
import type { FlatSnapshot } from './flat/flat-snapshot.ts';
import { printEntries } from './flat/print.ts';
import { ruleMatch } from './match/match-rule.ts';
import type { RuleIndex } from './rule-index.ts';

/** More lists than this are put together into one, so that a request does not go through each. */
const MAX_LISTS = 4;

/** `sets`: references of the entries of each attachment in scope, all of one action and mode. */
export function flatRules(flat: FlatSnapshot, action: Action, references: readonly number[]): RuleIndex {
  const sets = entrySets(flat, references);
  const size = references.reduce((sum, reference) => sum + flat.postings.count(reference), 0);
  return {
    get rules() {
      const rules = new Map<number, CompiledRule>();
      for (const entry of entriesOf(flat, references)) {
        const rule = flat.ruleOfEntry(entry);
        rules.set(rule.ordinal, rule);
      }
      return [...rules.values()];
    },
    first(request, nowMs, token) {
      if (size === 0) return null;
      const bestToken = token !== 'as it is';
      return flat.query.first(sets, size, { request, nowMs, action, matches: ruleMatch(token), bestToken });
    },
    print: () => printEntries(flat, entriesOf(flat, references)),
  };
}

function entrySets({ postings }: FlatSnapshot, references: readonly number[]): readonly EntrySet[] {
  const filled = references.filter((reference) => reference !== 0);
  const bitmaps = filled
    .filter((reference) => postings.isBitmap(reference))
    .map((reference): EntrySet => ({ kind: 'bitmap', reference }));
  const lists = filled
    .filter((reference) => !postings.isBitmap(reference))
    .map((reference) => Uint32Array.from(postings.entries(reference)));
  const joined = lists.length > MAX_LISTS ? [Uint32Array.from(lists.flatMap((list) => [...list])).sort()] : lists;
  return [...joined.map((entries): EntrySet => ({ kind: 'list', entries })), ...bitmaps];
}

function entriesOf({ postings }: FlatSnapshot, references: readonly number[]): readonly number[] {
  return references.flatMap((reference) => postings.entries(reference)).sort((a, b) => a - b);
}
