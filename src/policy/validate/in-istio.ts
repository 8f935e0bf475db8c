/**
 * What Istio would do with what is refused here, in words for the error: whoever moves a policy has to know whether it
 * was denying until now (istio.io/istio pilot/pkg/security/authz/model/model.go and builder/builder.go; measured).
 */
import type { KeyProblem } from '../attribute-key.ts';
import type { Context } from './value-check.ts';

/** `; …` behind the message of a refused key of `when`; empty for our own kinds. */
export function keyFateInIstio({ fate, taken }: KeyProblem['inIstio'], context: Context): string {
  if (context.dialect !== 'istio') return '';
  const how = taken ? '; Istio takes it and' : '; past its webhook Istio';
  switch (fate) {
    case 'rule-skipped':
      return `${how} skips the whole rule: ${ruleGone(context)}`;
    case 'condition-dropped':
      return context.action === 'ALLOW'
        ? `${how} drops the whole rule: ${ruleGone(context)}`
        : `${how} drops only this condition: ${conditionGone(context)}`;
    case 'refused-by-envoy':
      return `${how} hands it to Envoy, which refuses the whole configuration of the workload`;
  }
}

/** The same for a value that Istio's webhook refuses and its translator drops: addresses and ports. */
export function valueFateInIstio(context: Context): string {
  if (context.dialect !== 'istio') return '';
  return context.action === 'ALLOW'
    ? `; past its webhook Istio drops the whole rule: ${ruleGone(context)}`
    : `; past its webhook Istio drops only this value, and the field when none is left: ${conditionGone(context)}`;
}

function ruleGone({ action }: Context): string {
  switch (action) {
    case 'ALLOW':
      return 'nobody would be allowed by it';
    case 'DENY':
      return 'this DENY would deny nothing by it';
    default:
      return `this ${action} would do nothing by it`;
  }
}

function conditionGone({ action }: Context): string {
  return action === 'DENY'
    ? 'this DENY would deny everything that the rest of the rule matches'
    : `this ${action} would be for everything that the rest of the rule matches`;
}
