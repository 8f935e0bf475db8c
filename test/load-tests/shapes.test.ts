import { describe, expect, it } from '@jest/globals';
import { random } from '../../load-tests/lib/random.ts';
import { buildScan, outcome } from '../../load-tests/micro/engine.ts';
import { SHAPES } from '../../load-tests/micro/shapes/all.ts';
import { policySetOf } from '../../load-tests/micro/shapes/shape.ts';
import { policiesYaml } from '../../load-tests/micro/shapes/yaml.ts';
import { policySet } from '../extauthz/support/engine.ts';

const RULES = 200;

describe.each(SHAPES.map((shape) => [shape.name, shape] as const))('the shape %s', (_, shape) => {
  const part = shape.part(RULES);

  it('has as many rules as were asked for, of both kinds and both actions', () => {
    const policies = part.policies();
    expect(policies.reduce((sum, { rules }) => sum + rules.length, 0)).toBe(RULES);
    // An AuthorizationPolicy has no CEL.
    expect(new Set(policies.map(({ kind }) => kind)).size).toBe(shape.name === 'g2-cel' ? 1 : 2);
    expect(new Set(policies.map(({ action }) => action)).size).toBe(2);
  });

  it('knows what a scan of all rules makes of its requests', () => {
    const scan = buildScan(policySetOf(part));
    const from = random(7);
    for (const kind of part.kinds)
      for (let i = 0; i < 40; i++) {
        const { ask, expected } = part.request(kind, from);
        expect([kind, ask, outcome(scan.decide(scan.prepare(ask)))]).toEqual([kind, ask, expected]);
      }
  });

  it('asks another request each time', () => {
    const from = random(8);
    const texts = part.kinds.flatMap((kind) =>
      Array.from({ length: 50 }, () => JSON.stringify(part.request(kind, from).ask)),
    );
    expect(new Set(texts).size).toBe(texts.length);
  });

  it('is written as policies that load to the same rules', () => {
    const set = policySetOf(part);
    const loaded = policySet(policiesYaml(set.policies));
    expect(buildScan(loaded).snapshot.revision).toBe(buildScan(set).snapshot.revision);
  });
});
