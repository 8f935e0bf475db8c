import type { Policy, PolicySet, Rule } from '../../model.ts';
import type { LintRule } from '../rule.ts';

const HEADERS = ['x-http-method-override', 'x-http-method', 'x-method-override'];

/** Methods that frameworks let a POST stand for. */
const OVERRIDDEN = ['PUT', 'PATCH', 'DELETE'];

/**
 * Some applications take a POST with `x-http-method-override: DELETE` for a DELETE. Told once for a set, at the first
 * rule that it could get past, and not at all once any rule looks at such a header or takes it away.
 */
export const methodOverride: LintRule = {
  code: 'method-override',
  severity: 'note',
  *findings({ set }) {
    if (isHandled(set)) return;
    for (const policy of set.policies) {
      const found = policy.mode === 'enforce' ? exposed(policy) : null;
      if (found === null) continue;
      yield {
        position: found.position,
        message: `where an application heeds \`${HEADERS[0]!}\`, a POST gets past what is said here of ${OVERRIDDEN.join(', ')}`,
        hint: `if one does, deny the header: \`when: [{key: "request.headers[${HEADERS[0]!}]", values: ["*"]}]\`; likewise \`${HEADERS[1]!}\` and \`${HEADERS[2]!}\``,
      };
      return;
    }
  },
};

/** The list of methods that a POST gets past: of a DENY that leaves POST alone, or of an ALLOW beside one of POST. */
function exposed({ action, rules }: Policy): { readonly position: Rule['position'] } | null {
  const lists = rules.flatMap(({ to }) =>
    (to ?? []).flatMap(({ is }) => (is.methods === undefined ? [] : [is.methods])),
  );
  const allowsPost = lists.some(({ values }) => values.includes('POST'));
  const special = lists.find(
    ({ values }) =>
      OVERRIDDEN.some((method) => values.includes(method)) && !values.includes('POST') && !values.includes('*'),
  );
  if (special === undefined) return null;
  return action === 'DENY' ? (allowsPost ? null : special) : allowsPost ? special : null;
}

function isHandled({ policies }: PolicySet): boolean {
  return policies.some(({ rules }) =>
    rules.some(({ when, condition, respond }) => {
      const inWhen = when.some(({ key }) => key.kind === 'request.headers' && HEADERS.includes(key.name));
      const inCondition = condition !== null && HEADERS.some((name) => condition.text.toLowerCase().includes(name));
      return inWhen || inCondition || respond?.request.remove.some((name) => HEADERS.includes(name)) === true;
    }),
  );
}
