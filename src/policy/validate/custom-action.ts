import type { Position } from '../../lib/diagnostic.ts';
import type { Rule } from '../model.ts';
import type { Context } from './value-check.ts';

const FIELDS = ['namespaces', 'serviceAccounts', 'trustDomains', 'principals', 'requestPrincipals'] as const;
const KEYS = ['source.namespace', 'source.serviceAccount', 'source.trustDomain', 'source.principal'];

/** Istio places CUSTOM before peer and request authentication, so its validation refuses what they find out. */
export function checkCustomRule(rule: Rule, { report }: Context): void {
  const refuse = (name: string, position: Position): void =>
    report.error('not-with-custom', position, `\`${name}\` cannot be used with action CUSTOM`);
  for (const source of rule.from ?? []) {
    for (const field of FIELDS) {
      const list = source.is[field] ?? source.not[field];
      if (list !== undefined) refuse(field, list.position);
    }
  }
  for (const { key, position } of rule.when) {
    if (KEYS.includes(key.text) || key.text.startsWith('request.auth.')) refuse(key.text, position);
  }
}
