/** Policies and rules as messages name them. */
import type { Position } from '../../lib/diagnostic.ts';
import type { Policy, Rule } from '../model.ts';

export function ruleName(policy: Policy, rule: Rule): string {
  return `rule ${rule.name === null ? rule.index : `\`${rule.name}\``} of \`${policy.namespace}/${policy.name}\``;
}

export function place({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}
