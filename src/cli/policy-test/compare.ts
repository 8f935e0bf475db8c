/** What a policy test expects beside what was decided. Only what the test says is compared. */
import type { Explanation } from '../../extauthz/offline.ts';
import type { TestExpectation } from '../../policy/test-model.ts';

export interface Difference {
  /** As in the test file: `rule`, `headers.set.x-user`. */
  readonly field: string;
  /** null: nothing (no policy, no such header). */
  readonly expected: string | null;
  readonly actual: string | null;
}

type Fields = Explanation['headersSet'];

export function differences(expected: TestExpectation, actual: Explanation): readonly Difference[] {
  const found: Difference[] = [];
  const compare = (field: string, wanted: string | number | null | undefined, has: string | number | null): void => {
    if (wanted === undefined || wanted === has) return;
    found.push({ field, expected: textOf(wanted), actual: textOf(has) });
  };
  const compareSet = (field: string, wanted: ReadonlyMap<string, string>, has: Fields): void => {
    const values = new Map(has);
    for (const [name, value] of wanted) compare(`${field}.${name}`, value, values.get(name) ?? null);
  };
  const compareRemoved = (field: string, wanted: readonly string[], has: readonly string[]): void => {
    for (const name of wanted) compare(field, name, has.includes(name) ? name : null);
  };
  compare('decision', expected.decision, actual.decision);
  compare('status', expected.status, actual.httpStatus);
  compare('reason', expected.reason, actual.reason);
  compare('policy', expected.policy, actual.policy);
  compare('rule', expected.rule, typeof expected.rule === 'number' ? ruleIndex(actual) : actual.rule);
  compareSet('headers.set', expected.headers.set, actual.headersSet);
  compareRemoved('headers.remove', expected.headers.remove, actual.headersRemoved);
  compareSet('query.set', expected.query.set, actual.querySet);
  compareRemoved('query.remove', expected.query.remove, actual.queryRemoved);
  compareSet('responseHeaders', expected.responseHeaders, actual.responseHeaders);
  compare('body', expected.body, actual.body);
  return found;
}

/** A test may call a rule that has a name by its index. */
function ruleIndex({ policy, rule, policies }: Explanation): number | null {
  if (typeof rule !== 'string') return rule;
  const rules = policies.filter((each) => each.policy === policy).flatMap((each) => each.rules);
  return rules.find((each) => each.rule === rule)?.index ?? null;
}

function textOf(value: string | number | null): string | null {
  return value === null ? null : String(value);
}
