/** Generated policies as a policy file: JSON, which is YAML. */
import type { Operation, Policy, Rule, Source } from '../../../src/policy/model.ts';

const VERSIONS = { AccessPolicy: 'portcullis.dev/v1', AuthorizationPolicy: 'security.istio.io/v1' } as const;

type Fields = Readonly<Record<string, unknown>>;

/** One YAML document a policy. Covers what {@link ./model.ts} makes. */
export function policiesYaml(policies: readonly Policy[]): string {
  return policies.map((each) => `${JSON.stringify(policyObject(each))}\n`).join('---\n');
}

/** As {@link policiesYaml}, with keys of its own put into each rule. */
export function policyObject(policy: Policy, moreOfRule: (rule: Rule) => Fields = () => ({})): Fields {
  return {
    apiVersion: VERSIONS[policy.kind],
    kind: policy.kind,
    metadata: { name: policy.name, namespace: policy.namespace },
    spec: {
      action: policy.action,
      ...(policy.matchLabels.size === 0 ? {} : { selector: { matchLabels: Object.fromEntries(policy.matchLabels) } }),
      rules: policy.rules.map((rule) => ({ ...ruleObject(rule), ...moreOfRule(rule) })),
    },
  };
}

function ruleObject(rule: Rule): Fields {
  return {
    ...(rule.from === null ? {} : { from: rule.from.map((each) => ({ source: fieldsOf(each) })) }),
    ...(rule.to === null ? {} : { to: rule.to.map((each) => ({ operation: fieldsOf(each) })) }),
    ...(rule.when.length === 0
      ? {}
      : {
          when: rule.when.map(({ key, values, notValues }) => ({
            key: key.text,
            ...(values === null ? {} : { values: values.values }),
            ...(notValues === null ? {} : { notValues: notValues.values }),
          })),
        }),
    ...(rule.condition === null ? {} : { condition: rule.condition.text }),
  };
}

function fieldsOf({ is, not }: Source | Operation): Fields {
  const plain = Object.entries(is).map(([name, values]) => [name, values.values] as const);
  const negated = Object.entries(not).map(
    ([name, values]) => [`not${name[0]!.toUpperCase()}${name.slice(1)}`, values.values] as const,
  );
  return Object.fromEntries([...plain, ...negated]);
}
