import { expect, test } from '@jest/globals';
import { files, portcullis, SHOP } from './support.ts';

const TIMEOUT_MS = 60_000;

const FIVE_MISTAKES = `apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: {name: orders}
spec:
  action: ALOW
  rules:
    - name: a
      from: [{source: {princpals: [x]}}]
      when: [{key: "request.foo", values: [a]}]
      condition: 'claims.acr =='
`;

/** The shop, with a word on the headers by which a POST may stand for the DELETE that it denies. */
const WITHOUT_OVERRIDES = SHOP.replace(
  '- to: [{operation: {methods: [DELETE]}}]',
  `- to: [{operation: {methods: [DELETE]}}]
    - when: [{key: "request.headers[x-http-method-override]", values: ["*"]}]`,
);

test(
  'lists every problem with its place, the line and a hint, and ends with 1',
  async () => {
    using dir = files({ 'bad.yaml': FIVE_MISTAKES });
    const { code, stdout, stderr } = await portcullis(['lint', dir.path]);
    expect({ code, stderr }).toStrictEqual({ code: 1, stderr: '' });
    const found = stdout.split('\n').filter((line) => line.startsWith(dir.path));
    expect(found.map((line) => line.slice(dir.path.length + 1).replace(/:[^:]*$/, ''))).toStrictEqual([
      'bad.yaml:3:11: error missing-namespace',
      'bad.yaml:5:11: error unknown-value',
      'bad.yaml:8:24: error unknown-field',
      'bad.yaml:9:20: error unknown-attribute',
      expect.stringMatching(/^bad.yaml:10:30: error bad-condition/),
    ]);
    expect(stdout).toContain(`unknown field \`princpals\`
    8 |       from: [{source: {princpals: [x]}}]
      |                        ^
  hint: did you mean \`principals\`?
`);
    expect(stdout).toMatch(/\n5 errors in 1 file\n$/);
  },
  TIMEOUT_MS,
);

test(
  'does not show a line in which an API key may stand',
  async () => {
    using dir = files({
      'keys.yaml': `${SHOP}---
apiVersion: portcullis.dev/v1
kind: IdentityProvider
metadata: {name: keys, namespace: shop}
spec: {issuer: keys, apiKeys: {keys: [{id: a, ownr: b, sha256: [sk-live-7f1d]}]}}
`,
    });
    const { code, stdout } = await portcullis(['lint', dir.path]);
    expect(code).toBe(1);
    expect(stdout).toContain('error bad-key-hash: this is not the SHA-256 of a key');
    expect(stdout).toContain('error unknown-field: unknown field `ownr`');
    expect(stdout).not.toContain('sk-live');
  },
  TIMEOUT_MS,
);

test(
  'the same as JSON',
  async () => {
    using dir = files({ 'bad.yaml': FIVE_MISTAKES });
    const { code, stdout } = await portcullis(['lint', dir.path, '--format', 'json']);
    expect(code).toBe(1);
    const result = JSON.parse(stdout) as { diagnostics: unknown[]; summary: unknown };
    expect(result.diagnostics).toHaveLength(5);
    expect(result.diagnostics[2]).toStrictEqual({
      file: dir.at('bad.yaml'),
      line: 8,
      column: 24,
      severity: 'error',
      code: 'unknown-field',
      message: 'unknown field `princpals`',
      hint: 'did you mean `principals`?',
    });
    expect(result.summary).toStrictEqual({ files: 1, errors: 5, warnings: 0, notes: 0 });
  },
  TIMEOUT_MS,
);

test(
  'warnings do not fail, and test files are checked too',
  async () => {
    const expired = WITHOUT_OVERRIDES.replace(
      '- name: gateway-reads',
      '- name: gateway-reads\n      valid: {until: 2020-01-01T00:00:00Z}',
    );
    using dir = files({ 'shop.yaml': expired, 'shop.test.yaml': 'tests: [{name: x, expect: {decision: allow}}]\n' });
    const warned = await portcullis(['lint', dir.path]);
    expect(warned.stdout).toContain('warning expired-rule');
    expect(warned).toMatchObject({ code: 0, stdout: expect.stringMatching(/1 warning in 2 files\n$/) });
    dir.write('shop.test.yaml', 'tests: [{name: x, expect: {decision: perhaps}}]\n');
    const refused = await portcullis(['lint', dir.path]);
    expect(refused.stdout).toContain(`${dir.at('shop.test.yaml')}:1:38: error unknown-value`);
    expect(refused.code).toBe(1);
  },
  TIMEOUT_MS,
);

test(
  'traps are told with their place and a better text, and fail nothing',
  async () => {
    const open = SHOP.replace('"/orders/{*}"', '"/orders*"');
    using dir = files({ 'shop.yaml': open });
    const { code, stdout } = await portcullis(['lint', dir.path]);
    expect(code).toBe(0);
    expect(stdout).toContain(`${dir.at('shop.yaml')}:10:41: warning prefix-matches-siblings: \`/orders*\``);
    expect(stdout).toContain('hint: write `/orders` and `/orders/*` for the path and what is below it');
    expect(stdout).toContain(':21:25: note method-override');
    expect(stdout).toMatch(/\n1 warning, 1 note in 1 file\n$/);
  },
  TIMEOUT_MS,
);

test(
  'a good set has no problems, an empty directory has one, a missing path cannot be read',
  async () => {
    using dir = files({ 'good/shop.yaml': WITHOUT_OVERRIDES, 'empty/notes.md': '' });
    expect(await portcullis(['lint', dir.at('good')])).toStrictEqual({
      code: 0,
      stdout: 'no problems in 1 file\n',
      stderr: '',
    });
    const empty = await portcullis(['lint', dir.at('empty')]);
    expect(empty).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`${dir.at('empty')}:1:1: error no-policies`),
    });
    const missing = await portcullis(['lint', dir.at('none')]);
    expect(missing).toMatchObject({
      code: 2,
      stdout: expect.stringContaining(`${dir.at('none')}:1:1: error missing-path`),
    });
    expect(await portcullis(['lint'])).toMatchObject({ code: 2, stdout: '' });
  },
  TIMEOUT_MS,
);
