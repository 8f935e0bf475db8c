/** Is every request that one rule matches matched by another one too? True is certain, false may be ignorance. */
import type { Policy, ValidWindow } from '../../model.ts';
import type { RulePredicates } from '../../compile/compile-rule.ts';
import type { Predicate } from '../../compile/predicate.ts';
import type { CompiledForLint } from '../compiled.ts';
import { alwaysHolds, implies } from './predicates.ts';

/** A rule of more alternatives than this is not compared: its sources times its operations. */
const MAX_COMBINATIONS = 64;

export function ruleCovers(wide: CompiledForLint, narrow: CompiledForLint): boolean {
  return (
    windowCovers(wide.rule.valid, narrow.rule.valid) &&
    (wide.rule.condition === null || wide.rule.condition.text === narrow.rule.condition?.text) &&
    predicatesCover(wide.predicates, narrow.predicates)
  );
}

function windowCovers(wide: ValidWindow | null, narrow: ValidWindow | null): boolean {
  if (wide === null) return true;
  const [from, until] = [narrow?.fromMs ?? -Infinity, narrow?.untilMs ?? Infinity];
  return (wide.fromMs ?? -Infinity) <= from && until <= (wide.untilMs ?? Infinity);
}

const ANY: readonly (readonly Predicate[])[] = [[]];

function predicatesCover(wide: RulePredicates, narrow: RulePredicates): boolean {
  const from = narrow.from ?? ANY;
  const to = narrow.to ?? ANY;
  if (from.length * to.length > MAX_COMBINATIONS) return false;
  const has = (given: readonly Predicate[], wanted: readonly Predicate[]): boolean =>
    wanted.every((each) => alwaysHolds(each) || given.some((predicate) => implies(predicate, each)));
  return from.every((source) =>
    to.every((operation) => {
      const given = [...source, ...operation, ...narrow.when];
      return (
        has(given, wide.when) &&
        (wide.from ?? ANY).slice(0, MAX_COMBINATIONS).some((each) => has(given, each)) &&
        (wide.to ?? ANY).slice(0, MAX_COMBINATIONS).some((each) => has(given, each))
      );
    }),
  );
}

/** Does `wide` apply to every workload that `narrow` applies to (policy-index/scope.ts)? */
export function attachmentCovers(wide: Policy, narrow: Policy, rootNamespace: string): boolean {
  if ((wide.targetGateways === null) !== (narrow.targetGateways === null)) return false;
  const everywhere = wide.namespace === rootNamespace && wide.targetGateways === null;
  if (!everywhere && wide.namespace !== narrow.namespace) return false;
  if (narrow.targetGateways?.some((name) => !wide.targetGateways!.includes(name)) === true) return false;
  for (const [name, value] of wide.matchLabels) if (narrow.matchLabels.get(name) !== value) return false;
  if (wide.serviceAccounts === null) return true;
  return (
    narrow.serviceAccounts?.every((account) =>
      wide.serviceAccounts!.some((each) => each.namespace === account.namespace && each.name === account.name),
    ) === true
  );
}
