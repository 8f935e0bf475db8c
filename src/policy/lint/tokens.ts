/** Where rules look at tokens, and which objects say how tokens are verified for them. */
import type { Position } from '../../lib/diagnostic.ts';
import { compileCel } from '../cel/compile.ts';
import type { Authentication } from '../identity-model.ts';
import type { AttributeKey, Policy, PolicySet, Respond, Rule } from '../model.ts';
import type { LanguageOptions } from '../options.ts';

/** Whether there may be a workload to which both apply. Labels are not looked at: which workloads there are is not known. */
export function mayShareWorkload(
  a: Pick<Policy, 'namespace'>,
  b: Pick<Authentication, 'namespace'>,
  { rootNamespace }: LanguageOptions,
): boolean {
  return a.namespace === b.namespace || a.namespace === rootNamespace || b.namespace === rootNamespace;
}

/** Places where a rule asks for something of a token: what a request without any cannot have. */
export function* tokenQuestions(
  rule: Rule,
  namespace: string,
  tokenGroups: ReadonlySet<string>,
): Generator<readonly [Position, string]> {
  for (const { is, not } of rule.from ?? []) {
    for (const list of [is.requestPrincipals, not.requestPrincipals]) {
      if (list !== undefined) yield [list.position, '`requestPrincipals`'];
    }
    for (const list of [is.groups, not.groups]) {
      for (const name of list?.values ?? []) {
        if (tokenGroups.has(name.includes('/') ? name : `${namespace}/${name}`)) {
          yield [list!.position, `the group \`${name}\`, which tokens alone can be members of,`];
        }
      }
    }
  }
  for (const { key, position } of rule.when) if (isTokenKey(key)) yield [position, `\`${key.text}\``];
  if (rule.condition !== null && conditionReadsToken(rule.condition.text)) {
    yield [rule.condition.position, 'a claim'];
  }
}

/** Places of `respond` that fill in a part of a token. */
export function* tokenTemplates(respond: Respond): Generator<readonly [Position, string]> {
  const { request, response, deny } = respond;
  const templates = [
    ...request.set.values(),
    ...request.query.set.values(),
    ...response.set.values(),
    ...(deny?.headers.values() ?? []),
    ...(deny === null || deny.body === null ? [] : [deny.body]),
  ];
  for (const { parts, position } of templates) {
    for (const part of parts) {
      if (part.kind === 'attribute' && isTokenKey(part.key)) yield [position, `\`${part.key.text}\``];
    }
  }
}

function isTokenKey(key: AttributeKey): boolean {
  return key.kind.startsWith('request.auth.');
}

function conditionReadsToken(text: string): boolean {
  const reads = compileCel(text).program?.reads ?? [];
  return reads.some(({ variable, path }) => variable === 'claims' || (variable === 'request' && path[0] === 'auth'));
}

/** Groups in which no workload is a member: all but those with SPIFFE IDs, and those that contain one of these. */
export function groupsOfTokensOnly(set: PolicySet): ReadonlySet<string> {
  const withWorkloads = new Set(
    [...set.groups].filter(([, group]) => group.spiffeIds.length > 0).map(([name]) => name),
  );
  for (let before = -1; before !== withWorkloads.size;) {
    before = withWorkloads.size;
    for (const [name, { groups }] of set.groups) {
      if (groups.some((nested) => withWorkloads.has(nested))) withWorkloads.add(name);
    }
  }
  return new Set([...set.groups.keys()].filter((name) => !withWorkloads.has(name)));
}
