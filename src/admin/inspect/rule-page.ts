/** Rules with how often they decided. */
import type { Position } from '../../lib/diagnostic.ts';
import type { FlatSnapshot } from '../../policy-index/flat/flat-snapshot.ts';
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';
import { ruleKey } from '../../telemetry/rule-hits.ts';
import { seenKey } from './messages.ts';
import type { LastSeen, Task } from './messages.ts';

export type Hits = ReadonlyMap<string, number>;

export function rulePage(flat: FlatSnapshot, task: Extract<Task, { readonly kind: 'rules' }>, hits: Hits): object {
  const { page, policy, unused, lastSeen, countedSince, processes } = task;
  const rules: object[] = [];
  let ordinal = page.after;
  for (; ordinal < flat.ruleCount && rules.length < page.limit; ordinal++) {
    const head = flat.policy(flat.policyOfRule(ordinal));
    if (page.namespace !== null && head.namespace !== page.namespace) continue;
    if (policy !== null && head.name !== policy) continue;
    const rule = flat.rule(ordinal);
    if (unused !== null && unused !== (hitsOf(rule, hits) === 0)) continue;
    rules.push(shownRule(flat, rule, hits, lastSeen));
  }
  return {
    revision: flat.revision,
    countedSince,
    processes,
    total: flat.ruleCount,
    rules,
    next: ordinal < flat.ruleCount ? String(ordinal) : null,
  };
}

/** By whatever mode its policy has. */
export function hitsOf(rule: CompiledRule, hits: Hits): number {
  return hits.get(ruleKey(rule)) ?? 0;
}

export function shownRule(flat: FlatSnapshot, rule: CompiledRule, hits: Hits, lastSeen: LastSeen): object {
  const { ordinal, policy, index, name, valid } = rule;
  const count = hitsOf(rule, hits);
  const enforced = policy.mode === 'enforce';
  return {
    ordinal,
    policy: policy.name,
    kind: policy.kind,
    action: policy.action,
    mode: policy.mode,
    index,
    name,
    place: placeText(flat.positionOf(ordinal)),
    hits: enforced ? count : 0,
    shadowHits: enforced ? 0 : count,
    lastHitAt: timeText(lastSeen.get(seenKey(policy.kind, policy.name, name ?? index)) ?? null),
    validFrom: timeText(valid?.fromMs ?? null),
    validUntil: timeText(valid?.untilMs ?? null),
  };
}

/** null: what was kept of an earlier run knows no places. */
export function placeText({ file, line, column }: Position): string | null {
  return file === '' ? null : `${file}:${line}:${column}`;
}

function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
