import { describe, expect, it } from '@jest/globals';
import type { Policy } from '../../src/console/api/answers.ts';
import { viewOf } from '../../src/console/policies/policy-view.ts';
import type { PolicyFilter } from '../../src/console/policies/policy-view.ts';

function policy(name: string, hits: number, more: Partial<Policy> = {}): Policy {
  return {
    policy: name,
    kind: 'AccessPolicy',
    action: 'ALLOW',
    mode: 'enforce',
    place: `policies/${name}.yaml:1:1`,
    workload: { text: 'app=web' },
    hits,
    shadowHits: 0,
    rules: [{ name: `${name}-rule`, hits, shadowHits: more.shadowHits ?? 0 }],
    rulesTruncated: false,
    ...more,
  } as Policy;
}

const POLICIES = [
  policy('b/one', 5),
  policy('a/two', 0, { action: 'DENY' }),
  policy('c/three', 0, { mode: 'shadow', shadowHits: 9 }),
];

const ALL: PolicyFilter = { text: '', action: '', isUnusedOnly: false, order: 'report' };

describe('policies that are shown', () => {
  it.each([
    [{}, 'b/one a/two c/three'],
    [{ order: 'name' }, 'a/two b/one c/three'],
    // What is not obeyed is used as often as it would have decided.
    [{ order: 'most used' }, 'c/three b/one a/two'],
    [{ order: 'least used' }, 'a/two b/one c/three'],
    [{ action: 'DENY' }, 'a/two'],
    [{ isUnusedOnly: true }, 'a/two'],
    [{ text: ' TWO-rule ' }, 'a/two'],
    [{ text: 'three.yaml' }, 'c/three'],
    [{ text: 'app=web' }, 'b/one a/two c/three'],
    [{ text: 'nothing' }, ''],
  ] as const)('%j: %s', (filter, names) => {
    expect(
      viewOf(POLICIES, { ...ALL, ...filter })
        .map((each) => each.policy)
        .join(' '),
    ).toBe(names);
  });
});
