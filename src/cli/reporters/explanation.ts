/** How the way of a decision is shown. */
import type { Explanation } from '../../extauthz/offline.ts';
import { visibleText } from '../../lib/visible-text.ts';
import type { Painter } from '../terminal.ts';
import { decisionFields, headline, obligationsText } from './decision.ts';

export function explanationJson(explanation: Explanation): string {
  const { meaning, workload, workloadSource, unverifiedProof, refusal, policies } = explanation;
  return JSON.stringify({
    ...decisionFields(explanation),
    meaning,
    workload,
    workloadSource,
    unverifiedProof,
    refusal,
    policies,
  });
}

type PolicyExplanation = Explanation['policies'][number];
type RuleExplanation = PolicyExplanation['rules'][number];

/** The decision first, then how it came about, in the order in which policies are asked. */
export function explanationText(explanation: Explanation, line: number, paint: Painter): string {
  const way = wayText(explanation, paint, '  ').map((each) => `${each}\n`);
  return `${line}: ${headline(explanation, paint)}\n${obligationsText(explanation)}${way.join('')}`;
}

/** Why it was decided so: lines with `indent` in front. */
export function wayText(explanation: Explanation, paint: Painter, indent: string): readonly string[] {
  const { meaning, workload, workloadSource, unverifiedProof, refusal, policies } = explanation;
  const called =
    workload === null ? 'not looked for' : `${visibleText(workload)}, known from ${workloadSource ?? 'nothing'}`;
  const lines = [`because ${meaning}${refusal === null ? '' : ` (${visibleText(refusal)})`}`, `workload ${called}`];
  if (unverifiedProof)
    lines.push('a token or key came with it, which this command does not verify: decided as if none had come');
  for (const action of ['DENY', 'ALLOW']) {
    const asked = policies.filter((policy) => policy.action === action);
    if (asked.length === 0) lines.push(`${action} policies: none asked`);
    for (const policy of asked) lines.push(...policyLines(policy, paint));
  }
  return lines.map((line) => indent + line);
}

function policyLines(policy: PolicyExplanation, paint: Painter): string[] {
  const mode = policy.mode === 'enforce' ? '' : `, ${policy.mode}: not obeyed`;
  const title = `${paint('bold', policy.policy)} (${policy.kind}, ${policy.action}${mode})`;
  if (policy.rules.length === 0) return [title, '  has no rules: nothing matches'];
  return [title, ...policy.rules.flatMap((rule) => ruleLines(rule, policy, paint))];
}

function ruleLines(rule: RuleExplanation, policy: PolicyExplanation, paint: Painter): string[] {
  const name = `rule ${visibleText(rule.rule)}`;
  if (rule.matched) return [`  ${paint(policy.action === 'ALLOW' ? 'green' : 'red', '✓')} ${name} matched`];
  const { firstFailed } = rule;
  if (firstFailed === null) return [`  ✗ ${name} did not match`];
  // `from[0].source.notPrincipals`
  const negated = /\.not[A-Z]\w*$/.test(firstFailed.field);
  const wanted = firstFailed.wanted.map(visibleText).join(negated ? ', nor ' : ' or ');
  return [
    `  ${paint('dim', '✗')} ${name} failed at ${paint('bold', firstFailed.field)}`,
    `      rule wants  ${negated ? 'not ' : ''}${wanted}`,
    `      request has ${visibleText(firstFailed.actual)}`,
  ];
}
