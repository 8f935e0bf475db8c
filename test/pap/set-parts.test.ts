import { readFileSync } from 'node:fs';
import { expect, test } from '@jest/globals';
import { partsOf, SetAssembly, slicesOf } from '../../src/pap/set-parts.ts';
import { policySet } from '../extauthz/support/engine.ts';

const set = policySet(
  ['mesh.yaml', 'groups.yaml']
    .map((name) => readFileSync(new URL(`../../policies/${name}`, import.meta.url), 'utf8'))
    .join('\n---\n'),
);
const diagnostic = {
  severity: 'note',
  code: 'ignored',
  message: 'x',
  position: { file: 'a', line: 1, column: 1 },
} as const;

test.each([1, 500, Infinity])('slices of %d bytes put together are the set', (maxBytes) => {
  const slices = [...slicesOf(partsOf(set, [diagnostic]), maxBytes)];
  const assembly = new SetAssembly();
  for (const slice of slices) assembly.add(slice);
  expect(assembly.set).toStrictEqual(set);
  expect(assembly.diagnostics).toStrictEqual([diagnostic]);
  expect(slices.length > 1).toBe(maxBytes !== Infinity);
});

test('the rules of one large policy come in many slices', () => {
  const [policy] = set.policies;
  const rules = Array.from({ length: 1000 }, (_, index) => ({ ...policy!.rules[0]!, index }));
  const large = { policies: [{ ...policy!, rules }], groups: new Map(), workloads: [] };
  const slices = [...slicesOf(partsOf(large, []), 4096)];
  expect(Math.max(...slices.map(({ length }) => length))).toBeLessThan(100);
  const assembly = new SetAssembly();
  for (const slice of slices) assembly.add(slice);
  expect(assembly.set).toStrictEqual(large);
});
