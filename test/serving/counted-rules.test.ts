import { describe, expect, it } from '@jest/globals';
import { isIn } from '../../src/serving/counted-rules.ts';
import { RuleHitCounter } from '../../src/telemetry/rule-hits.ts';
import type { RuleHits } from '../../src/telemetry/rule-hits.ts';
import { snapshotOf } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml } from '../extauthz/support/yaml.ts';

const rule = (path: string, name?: string) => ({
  ...(name === undefined ? {} : { name }),
  ...operation({ paths: [path] }),
});

/** What is counted of each rule, by policy and rule. */
function countedOf(snapshot: ReturnType<typeof snapshotOf>): Map<string, RuleHits> {
  const counter = new RuleHitCounter();
  counter.use(snapshot);
  for (const policy of snapshot.policies)
    for (const each of policy.rules) counter.count({ ...each, policy }, snapshot.revision);
  return new Map(counter.take().map((hits) => [`${hits.kind} ${hits.policy} ${hits.rule}`, hits]));
}

describe('a rule that was counted', () => {
  const before = countedOf(
    snapshotOf(
      policiesYaml([
        { ...access('ALLOW', rule('/a', 'first'), rule('/b', 'second'), rule('/c')), name: 'kept' },
        { ...access('ALLOW', rule('/a', 'gone'), rule('/b')), name: 'shorter' },
        { ...access('ALLOW', rule('/a')), name: 'turned' },
        { ...access('DENY', rule('/a')), name: 'shadowed' },
        { ...access('ALLOW', rule('/a')), name: 'deleted' },
        { ...istio('ALLOW', rule('/a')), name: 'kept' },
      ]),
    ),
  );
  const after = isIn(
    snapshotOf(
      policiesYaml([
        { ...access('ALLOW', rule('/n', 'new'), rule('/b', 'second'), rule('/c'), rule('/a', 'first')), name: 'kept' },
        { ...access('ALLOW', rule('/b', 'other')), name: 'shorter' },
        { ...access('DENY', rule('/a')), name: 'turned' },
        { name: 'shadowed', spec: { action: 'DENY', mode: 'Shadow', rules: [rule('/a')] } },
        { ...istio('ALLOW', rule('/a')), name: 'deleted' },
        { ...istio('ALLOW', rule('/b')), name: 'kept' },
      ]),
    ),
  );

  it.each([
    ['AccessPolicy shop/kept first', true, 'has moved'],
    ['AccessPolicy shop/kept second', true, 'is where it was'],
    ['AccessPolicy shop/kept 2', true, 'has no name, and its place is there'],
    ['AuthorizationPolicy shop/kept 0', true, 'is of the other kind'],
    ['AccessPolicy shop/shorter gone', false, 'has another name'],
    ['AccessPolicy shop/shorter 1', false, 'is beyond the end'],
    ['AccessPolicy shop/turned 0', false, 'denies now'],
    ['AccessPolicy shop/shadowed 0', false, 'is not enforced any more'],
    ['AccessPolicy shop/deleted 0', false, 'is of a policy that is there in another kind only'],
  ])('%s lives: %s, since it %s', (name, lives) => {
    expect(after(before.get(name)!)).toBe(lives);
  });
});
