/** Every list of values in a set, wherever it stands: `from`, `to` and `when` ask for much the same things. */
import type { Position } from '../../lib/diagnostic.ts';
import type { Condition, Policy, PolicySet, Rule, ValueList } from '../model.ts';

export interface ListedValues {
  readonly policy: Policy;
  readonly rule: Rule;
  /** Name of the field under its positive name (`paths`), also for a key of `when` that asks for the same; else the key. */
  readonly field: string;
  /** As written: `notPaths`, or the key. */
  readonly written: string;
  /** `notX` or `notValues`. */
  readonly negated: boolean;
  readonly values: readonly string[];
  readonly position: Position;
}

/** Keys of `when` that have a field of their own. */
const FIELD_OF_KEY: ReadonlyMap<string, string> = new Map([
  ['source.principal', 'principals'],
  ['source.namespace', 'namespaces'],
  ['source.serviceAccount', 'serviceAccounts'],
  ['source.trustDomain', 'trustDomains'],
  ['source.ip', 'ipBlocks'],
  ['remote.ip', 'remoteIpBlocks'],
  ['request.auth.principal', 'requestPrincipals'],
  ['destination.port', 'ports'],
]);

export function* valueLists({ policies }: PolicySet): Generator<ListedValues> {
  for (const policy of policies) {
    for (const rule of policy.rules) {
      for (const each of [...(rule.from ?? []), ...(rule.to ?? [])]) {
        yield* pairs(policy, rule, each.is, false);
        yield* pairs(policy, rule, each.not, true);
      }
      for (const condition of rule.when) yield* conditionLists(policy, rule, condition);
    }
  }
}

function* pairs(
  policy: Policy,
  rule: Rule,
  lists: Readonly<Partial<Record<string, ValueList>>>,
  negated: boolean,
): Generator<ListedValues> {
  for (const [field, list] of Object.entries(lists)) {
    if (list === undefined) continue;
    const written = negated ? `not${field.charAt(0).toUpperCase()}${field.slice(1)}` : field;
    yield { policy, rule, field, written, negated, values: list.values, position: list.position };
  }
}

function* conditionLists(policy: Policy, rule: Rule, { key, values, notValues }: Condition): Generator<ListedValues> {
  const field = FIELD_OF_KEY.get(key.text) ?? key.text;
  for (const [list, negated] of [
    [values, false],
    [notValues, true],
  ] as const) {
    if (list !== null)
      yield { policy, rule, field, written: key.text, negated, values: list.values, position: list.position };
  }
}

/** What the values let slip is let in: they name whom a DENY is for, or whom an ALLOW is not for. */
export function isGuard({ policy, negated }: Pick<ListedValues, 'policy' | 'negated'>): boolean {
  return (policy.action === 'DENY') !== negated;
}

/** Lists in which each value is held against each other are passed over when they are longer. */
const MAX_COMPARED_VALUES = 500;

export function isLong({ values }: Pick<ListedValues, 'values'>): boolean {
  return values.length > MAX_COMPARED_VALUES;
}

/** `a`, `b` and 3 more */
export function named(values: readonly string[]): string {
  const shown = values.slice(0, 3).map((value) => `\`${value}\``);
  const more = values.length - shown.length;
  return more > 0 ? `${shown.join(', ')} and ${more} more` : shown.join(', ');
}
