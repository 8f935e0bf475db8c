/** Istio's AuthorizationPolicy: what its validation refuses is refused, and what would fail open there. */
import { asMap } from '../parse/expect.ts';
import { keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { Action, Mode, Policy } from '../model.ts';
import type { PolicyObject } from '../parse/objects.ts';
import type { Context } from '../validate/value-check.ts';
import { checkCustomRule } from '../validate/custom-action.ts';
import { readDryRun } from './dry-run.ts';
import { fieldOf, listField, mapField, stringField } from './fields.ts';
import { readRule } from './rule.ts';
import { readMatchLabels } from './selector.ts';
import { readTargetGateways } from './target-refs.ts';

/** null: it never decides (AUDIT, CUSTOM), or its action is unknown. */
export function readAuthorizationPolicy(object: PolicyObject, surroundings: Context): Policy | null {
  const { report } = surroundings;
  const specNode = fieldOf(object.map, 'spec');
  const spec: MapNode | null = specNode === undefined ? EMPTY_SPEC(object) : asMap(specNode, report);
  if (spec === null) return null;
  const action = stringField(spec, 'action', report)?.value ?? 'ALLOW';
  const context: Context = { ...surroundings, action: ACTIONS.find((known) => known === action) ?? 'ALLOW' };
  const rules = (listField(spec, 'rules', report)?.items ?? []).map((node, i) =>
    readRule(node, i, action === 'DENY' ? 'DENY' : 'ALLOW', context),
  );
  checkRulesPresent(spec, action, rules.length, context);
  checkProvider(spec, action, rules.length, context);
  if (action === 'CUSTOM') for (const rule of rules) checkCustomRule(rule, context);
  const mode: Mode = readDryRun(object, action, context) ? 'dry-run' : 'enforce';
  const policy = {
    kind: 'AuthorizationPolicy',
    namespace: object.namespace,
    name: object.name,
    mode,
    matchLabels: readMatchLabels(spec, context),
    serviceAccounts: null,
    targetGateways: readTargetGateways(spec, context),
    rules,
    position: positionOf(object.map),
  } as const;
  return isDeciding(action) ? { ...policy, action } : noteIdle(spec, action, context);
}

const ACTIONS = ['ALLOW', 'DENY', 'AUDIT', 'CUSTOM'] as const;

function isDeciding(action: string): action is Action {
  return action === 'ALLOW' || action === 'DENY';
}

function EMPTY_SPEC(object: PolicyObject): MapNode {
  return { ...object.map, entries: [] };
}

function checkRulesPresent(spec: MapNode, action: string, count: number, context: Context): void {
  if (count > 0 || (action !== 'DENY' && action !== 'CUSTOM')) return;
  context.report.error(
    'deny-without-rules',
    keyPlace(spec, 'action'),
    `a ${action} policy without \`rules\` never matches anything`,
    'to match every request write `rules: [{}]`',
  );
}

function checkProvider(spec: MapNode, action: string, count: number, context: Context): void {
  const provider = mapField(spec, 'provider', context.report);
  if (action !== 'CUSTOM') {
    if (provider !== null) {
      context.report.error(
        'bad-provider',
        keyPlace(spec, 'provider'),
        `\`provider\` belongs to action CUSTOM, not to ${action}`,
      );
    }
    return;
  }
  const name = provider === null ? null : stringField(provider, 'name', context.report);
  if (count > 0 && (name === null || name.value === '')) {
    context.report.error('bad-provider', keyPlace(spec, 'provider'), 'a CUSTOM policy needs `provider.name`');
  }
}

function noteIdle(spec: MapNode, action: string, { report }: Context): null {
  const place = keyPlace(spec, 'action');
  if (action === 'AUDIT') report.note('audit-ignored', place, 'an AUDIT policy never decides: it is left out');
  else if (action === 'CUSTOM') {
    report.note(
      'custom-skipped',
      place,
      'a CUSTOM policy is what makes Istio ask an external service: it is left out here',
    );
  }
  return null;
}
