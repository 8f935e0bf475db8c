/** `portcullis.dev/v1` AccessPolicy. */
import { DNS_LABEL } from '../schema/format.ts';
import { asMap } from '../parse/expect.ts';
import { keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { Action, AuditMode, Policy, Rule, ServiceAccountRef } from '../model.ts';
import type { PolicyObject } from '../parse/objects.ts';
import { checkServiceAccount } from '../validate/service-account.ts';
import type { Context } from '../validate/value-check.ts';
import { refuseDryRun } from './dry-run.ts';
import { fieldOf, listField, stringField, stringsField } from './fields.ts';
import { readRule } from './rule.ts';
import { readMatchLabels } from './selector.ts';

export function readAccessPolicy(object: PolicyObject, context: Context): Policy | null {
  const { report } = context;
  refuseDryRun(object, 'write `spec.mode: Shadow`', context);
  const specNode = fieldOf(object.map, 'spec');
  // Its absence is the schema's to report.
  const spec = specNode === undefined ? null : asMap(specNode, report);
  if (spec === null) return null;
  const action: Action = stringField(spec, 'action', report)?.value === 'DENY' ? 'DENY' : 'ALLOW';
  const rules = (listField(spec, 'rules', report)?.items ?? []).map((node, i) => readRule(node, i, action, context));
  if (action === 'DENY' && rules.length === 0) {
    report.error(
      'deny-without-rules',
      keyPlace(spec, 'action'),
      'a DENY policy without `rules` never matches anything',
      'to match every request write `rules: [{}]`',
    );
  }
  checkRuleNames(spec, rules, context);
  return {
    kind: 'AccessPolicy',
    namespace: object.namespace,
    name: object.name,
    action,
    mode: stringField(spec, 'mode', report)?.value === 'Shadow' ? 'shadow' : 'enforce',
    audit: AUDIT_MODES.find((mode) => mode === stringField(spec, 'audit', report)?.value),
    matchLabels: readMatchLabels(spec, context),
    serviceAccounts: readServiceAccounts(spec, context),
    targetGateways: null,
    rules,
    position: positionOf(object.map),
  };
}

/** What is none of them the schema has reported. */
const AUDIT_MODES: readonly AuditMode[] = ['all', 'denied', 'sample'];

function checkRuleNames(spec: MapNode, rules: readonly Rule[], { report }: Context): void {
  const seen = new Map<string, number>();
  for (const { name, index } of rules) {
    if (name === null) continue;
    const first = seen.get(name);
    if (first === undefined) seen.set(name, index);
    else {
      const node = listField(spec, 'rules', report)!.items[index]!;
      report.error(
        'duplicate-rule-name',
        node.kind === 'map' ? keyPlace(node, 'name') : positionOf(node),
        `the rule name \`${name}\` is taken by rule ${first} of this policy`,
        'names tell the rules of a policy apart in logs and tests',
      );
    }
  }
}

/** `sa` in the policy's namespace; `ns/sa` only in the root namespace, whose policies apply to all. */
function readServiceAccounts(spec: MapNode, context: Context): readonly ServiceAccountRef[] | null {
  const { report, options } = context;
  const texts = stringsField(spec, 'serviceAccounts', report);
  if (texts === null) return null;
  return texts.map((text): ServiceAccountRef => {
    checkServiceAccount(text, context);
    const slash = text.value.indexOf('/');
    if (slash < 0) return { namespace: context.namespace, name: text.value };
    const namespace = text.value.slice(0, slash);
    if (context.namespace !== options.rootNamespace && DNS_LABEL.test(namespace)) {
      report.error(
        'foreign-namespace',
        positionOf(text),
        `\`${text.value}\` names a workload of a namespace, and this policy is not in the root namespace`,
        namespace === context.namespace
          ? `write \`${text.value.slice(slash + 1)}\``
          : `put the policy into \`${namespace}\`, or into the root namespace \`${options.rootNamespace}\``,
      );
    }
    return { namespace, name: text.value.slice(slash + 1) };
  });
}
