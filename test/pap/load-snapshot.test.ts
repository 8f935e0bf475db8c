import { expect, test } from '@jest/globals';
import { loadConfig } from '../../src/config/load.ts';
import { snapshotOptions } from '../../src/cli/settings.ts';
import { loadSnapshot } from '../../src/pap/load-snapshot.ts';

const { config } = loadConfig({ flags: { policies: ['policies', 'more'] } });
const options = snapshotOptions(config!);

const POLICY = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: a, namespace: b}
spec: {action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}
`;

test('good files make a snapshot whose revision is that of their content, not of their places', () => {
  const one = loadSnapshot([{ path: 'a.yaml', text: POLICY }], options);
  const two = loadSnapshot([{ path: 'z/b.yaml', text: `# moved\n\n${POLICY}` }], options);
  const other = loadSnapshot([{ path: 'a.yaml', text: POLICY.replace('/x', '/y') }], options);
  expect(one.diagnostics).toStrictEqual([]);
  expect(one.snapshot?.policies).toHaveLength(1);
  expect(two.snapshot?.revision).toBe(one.snapshot?.revision);
  expect(other.snapshot?.revision).not.toBe(one.snapshot?.revision);
});

test('files with errors make none, and every error is told', () => {
  const files = ['a.yaml', 'b.yaml'].map((path) => ({ path, text: POLICY.replace('paths', 'pahts') }));
  const { snapshot, set, diagnostics } = loadSnapshot(files, options);
  expect({ snapshot, set }).toStrictEqual({ snapshot: null, set: null });
  expect(diagnostics.map(({ code, position }) => `${position.file} ${code}`)).toEqual(
    expect.arrayContaining(['a.yaml unknown-field', 'b.yaml unknown-field', 'b.yaml duplicate-object']),
  );
});

test('a problem of no file in particular is told of the paths that were asked for', () => {
  expect(loadSnapshot([], options).diagnostics).toMatchObject([
    { code: 'no-policies', position: { file: 'policies, more', line: 1, column: 1 } },
  ]);
});
