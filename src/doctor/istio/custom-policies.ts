/** CUSTOM policies: which requests Istio asks about. */
import type { Part } from '../part.ts';
import type { Provider } from './mesh.ts';
import type { CustomPolicy } from './objects.ts';

/** `providers`: null when no mesh config was given. */
export function checkCustomPolicies(
  policies: readonly CustomPolicy[],
  providers: readonly Provider[] | null,
  rootNamespace: string,
): void {
  const names = providers === null ? null : new Set(providers.map(({ name }) => name));
  /** Namespaces all of whose workloads ask about everything, by provider. */
  const covered = new Set<string>();
  for (const policy of policies) {
    if (!policy.hasSelector && coversAll(policy)) covered.add(scopeKey(policy, policy.namespace));
  }
  for (const policy of policies) {
    checkProviderName(policy, names);
    const isCovered = [policy.namespace, rootNamespace].some((each) => covered.has(scopeKey(policy, each)));
    if (isCovered) continue;
    if (!coversAll(policy)) checkCoverage(policy);
    else if (policy.hasSelector && !policy.hasTarget) {
      const selector = policy.part.in('spec', 'selector');
      const where = policy.namespace === rootNamespace ? 'the mesh' : `\`${policy.namespace}\``;
      selector.report('asks-some-workloads', `only some workloads of ${where} ask`);
    }
  }
  checkReach(policies, rootNamespace);
  for (const [index, policy] of policies.entries()) {
    const other = policies.slice(0, index).find((each) => areForOneWorkload(each, policy, rootNamespace));
    if (other === undefined) continue;
    const names = [other, policy].map(({ provider }) => `\`${provider.text() ?? ''}\``);
    policy.provider.report('provider-unusable', `the same workloads are to ask ${names.join(' and ')}`);
  }
}

/** Namespaces without a policy are open; where none is for the mesh, which ones these are cannot be told from here. */
function checkReach(policies: readonly CustomPolicy[], rootNamespace: string): void {
  const [first] = policies;
  if (first === undefined || policies.some(({ namespace, hasTarget }) => namespace === rootNamespace && !hasTarget))
    return;
  const names = [...new Set(policies.map(({ namespace }) => `\`${namespace}\``))];
  first.part.report('asks-some-namespaces', `only in ${names.join(', ')} anybody is asked`);
}

/** Whether two policies surely meet at some workload, and name two providers. With labels of both, nobody can tell. */
function areForOneWorkload(a: CustomPolicy, b: CustomPolicy, rootNamespace: string): boolean {
  const isSamePlace = a.namespace === b.namespace || [a, b].some(({ namespace }) => namespace === rootNamespace);
  return (
    isSamePlace &&
    !a.hasTarget &&
    !b.hasTarget &&
    !(a.hasSelector && b.hasSelector) &&
    a.provider.text() !== b.provider.text()
  );
}

function scopeKey({ provider }: CustomPolicy, namespace: string): string {
  return `${namespace}\0${provider.text() ?? ''}`;
}

function checkProviderName({ part, provider }: CustomPolicy, names: ReadonlySet<string> | null): void {
  const name = provider.text();
  if (name === null || name === '') {
    (provider.isThere ? provider : part).report('provider-unknown', 'the policy names no provider');
  } else if (names === null) {
    provider.report('provider-not-shown', `there is no mesh config in the input with the provider \`${name}\``);
  } else if (!names.has(name)) {
    provider.report('provider-unknown', `the mesh config has no provider \`${name}\` that answers questions`);
  }
}

/** `rules: [{}]`, or another rule without a condition. */
function coversAll(policy: CustomPolicy): boolean {
  return rulesOf(policy).some((rule) => rule.isMap && conditionsOf(rule).length === 0);
}

function checkCoverage(policy: CustomPolicy): void {
  const rules = rulesOf(policy);
  if (rules.length === 0) {
    policy.part.at('spec').report('asks-nothing', 'a CUSTOM policy without rules matches nothing');
    return;
  }
  for (const rule of rules) {
    if (!rule.isMap) rule.unknown('a rule');
    const [first, ...more] = conditionsOf(rule);
    if (first === undefined) continue;
    const what = [first, ...more].map((condition) => `\`${condition}\``).join(', ');
    rule.report('asks-only-some', `only requests that match ${what} are asked about`);
  }
}

function rulesOf(policy: CustomPolicy): readonly Part[] {
  return policy.part.in('spec', 'rules').items();
}

/** What a rule asks for: `paths`, `ports`, …, and keys of `when`. */
function conditionsOf(rule: Part): readonly string[] {
  const found = new Set<string>();
  for (const [list, inner] of [
    ['from', 'source'],
    ['to', 'operation'],
  ] as const) {
    // A source or operation without fields matches all, and so does the list that it is in.
    const entries = rule
      .at(list)
      .items()
      .map((item) =>
        item
          .at(inner)
          .entries()
          .map(([key]) => key),
      );
    if (!entries.some((keys) => keys.length === 0)) for (const key of entries.flat()) found.add(key);
  }
  for (const condition of rule.at('when').items()) found.add(condition.at('key').text() ?? 'when');
  return [...found];
}
