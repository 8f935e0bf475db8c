/** What README.md tells is what is there: its tables, its first policy, the output that it quotes. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text as readAll } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { runCli } from '../../src/cli/cli.ts';
import { loadConfig } from '../../src/config/load.ts';
import { RevocationList } from '../../src/identity/revocation/revocation-list.ts';
import { markdown, metricRows, reasonRows, settingRows, tableUnder } from './tables.ts';

const ROOT = join(import.meta.dirname, '../..');
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** The texts of all code blocks of a language (empty: none named) below a heading, in order. */
function blocksUnder(heading: string, language: string): readonly string[] {
  const [section = ''] = README.split(`\n## ${heading}\n`)[1]?.split('\n## ') ?? [];
  return [...section.matchAll(/^```(\w*)\n(.*?)^```$/gms)]
    .filter(([, named]) => named === language)
    .map(([, , text]) => text ?? '');
}

describe('reference tables', () => {
  it.each([
    ['Configuration', settingRows],
    ['Decision reasons', reasonRows],
    ['Metrics', metricRows],
  ])('%s is as the sources have it', (heading, rows) => {
    expect(markdown(tableUnder(heading, README))).toBe(markdown(rows()));
  });

  it('Command line has every command', async () => {
    const { output } = await run(['--help']);
    const commands = [...output.matchAll(/^ {2}([\w-]+) \[options\]/gm)].map(([, name]) => name);
    const named = tableUnder('Command line', README).map(([usage = '']) => /^`([\w-]+)/.exec(usage)?.[1]);
    expect(named).toEqual(commands);
  });
});

async function run(args: readonly string[]): Promise<{ readonly exitCode: number; readonly output: string }> {
  const stdout = new PassThrough();
  const output = readAll(stdout);
  const terminal = { stdin: new PassThrough(), stdout, stderr: stdout, env: {} };
  const exitCode = await runCli(args, { terminal, version: '0', serve: () => Promise.resolve(0) });
  stdout.end();
  return { exitCode, output: await output };
}

describe('the first policy', () => {
  const [policy = '', tests = ''] = blocksUnder('A first policy', 'yaml');
  const before = process.cwd();
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-readme-'));

  beforeAll(() => {
    process.chdir(directory);
  });
  afterAll(() => {
    process.chdir(before);
    rmSync(directory, { recursive: true });
  });

  it('passes its tests, and every rule matches in one', async () => {
    const policies = directoryWith('my-policies', { 'hello.yaml': policy, 'hello.test.yaml': tests });
    const { exitCode, output } = await run(['test', policies, '--coverage']);
    expect(output).toContain('1 of 1 rule matched');
    expect(exitCode).toBe(0);
  });

  it('is told with a slip in it as quoted', async () => {
    const slip = policy.replace('methods', 'metods');
    directoryWith('my-policies', { 'hello.yaml': slip, 'hello.test.yaml': tests });
    const { exitCode, output } = await run(['lint', 'my-policies']);
    expect(output).toBe(blocksUnder('A first policy', '')[0]);
    expect(exitCode).toBe(1);
  });

  it('is explained for a denied request as quoted', async () => {
    directoryWith('my-policies', { 'hello.yaml': policy });
    writeFileSync('denied.json', blocksUnder('Why was it denied?', 'json').at(-1) ?? '');
    const { output } = await run(['explain', '--policies', 'my-policies', '--request', 'denied.json']);
    expect(output).toBe(blocksUnder('Why was it denied?', '')[0]);
  });
});

function directoryWith(name: string, files: Readonly<Record<string, string>>): string {
  rmSync(name, { recursive: true, force: true });
  mkdirSync(name);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(name, file), text);
  return name;
}

describe('who is asking', () => {
  const blocks = blocksUnder('Who is asking', 'yaml');
  const policies = blocks.filter((block) => block.startsWith('apiVersion:'));
  const configurations = blocks.filter((block) => block.startsWith('identity:'));
  const directory = mkdtempSync(join(tmpdir(), 'portcullis-readme-'));
  const policyDirectory = join(directory, 'policies');

  beforeAll(() => {
    directoryWith(
      policyDirectory,
      Object.fromEntries(policies.map((text, index) => [`${String(index)}.yaml`, text] as const)),
    );
  });
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  it('shows policies and configurations, nothing else', () => {
    expect(policies.length).toBeGreaterThanOrEqual(5);
    expect(configurations.length).toBeGreaterThanOrEqual(5);
    expect(policies.length + configurations.length).toBe(blocks.length);
  });

  it('shows providers in which lint finds nothing, all of them beside each other', async () => {
    const { exitCode, output } = await run(['lint', policyDirectory]);
    expect({ exitCode, output }).toEqual({ exitCode: 0, output: expect.stringMatching(/^no problems/) });
  });

  it.each(policies.map((text) => [/^ {2}issuer: (\S+)/m.exec(text)?.[1], text]))(
    'takes %s by itself',
    async (_, text) => {
      // Somebody has to ask for a token where only a provider is shown.
      const asks = `apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: { name: all, namespace: shop }
spec: { selector: { matchLabels: { app: x } }, rules: [{ from: [{ source: { requestPrincipals: ['*'] } }] }] }
`;
      const alone = directoryWith(join(directory, 'alone'), { 'shown.yaml': text ?? '', 'asks.yaml': asks });
      const { exitCode, output } = await run(['lint', alone]);
      expect({ exitCode, output }).toEqual({ exitCode: 0, output: expect.stringMatching(/^no problems/) });
    },
  );

  it.each([
    {
      request: `{ principal: cluster.local/ns/edge/sa/gateway, path: /orders, claims: { iss: https://keycloak.example.com/realms/shop, sub: ann, realm_access: { roles: [clerk] } } }`,
      expected: `{ decision: allow, policy: shop/orders, headers: { set: { x-user: https://keycloak.example.com/realms/shop/ann } } }`,
    },
    {
      request: `{ principal: cluster.local/ns/edge/sa/gateway, path: /orders, claims: { iss: https://keycloak.example.com/realms/shop, sub: ann, realm_access: { roles: [guest] } } }`,
      expected: '{ decision: deny, status: 403 }',
    },
    {
      request: `{ path: /reports/may, claims: { iss: https://spire-oidc.example.com, sub: 'spiffe://example.com/batch/nightly' } }`,
      expected: '{ decision: allow, policy: shop/nightly }',
    },
    {
      request: `{ path: /reports/may, principal: example.com/batch/nightly, claims: null }`,
      expected: '{ decision: deny, status: 401 }',
    },
    {
      request: `{ method: POST, path: /deployments, claims: { iss: https://kubernetes.default.svc.cluster.local, sub: 'system:serviceaccount:ci:deployer' } }`,
      expected: '{ decision: allow, policy: shop/deployer }',
    },
    {
      request: `{ method: POST, path: /deployments, claims: { iss: https://kubernetes.default.svc.cluster.local, sub: 'system:serviceaccount:ci:default' } }`,
      expected: '{ decision: deny, status: 403 }',
    },
  ])('decides as it says: $request', async ({ request, expected }) => {
    const tests = `policies: [policies]
defaults: { request: { workload: { namespace: shop, serviceAccount: orders, labels: { app: orders } } } }
tests: [{ name: it, request: ${request}, expect: ${expected} }]
`;
    const file = join(directory, 'shown.test.yaml');
    writeFileSync(file, tests);
    const { exitCode, output } = await run(['test', file]);
    expect({ exitCode, output }).toMatchObject({ exitCode: 0 });
  });

  it.each(configurations)('shows a configuration that is taken: %s', (text) => {
    const file = join(directory, 'portcullis.yaml');
    writeFileSync(file, text);
    expect(loadConfig({ file }).diagnostics).toEqual([]);
  });

  it('shows a list of revocations that is read', () => {
    const [list = ''] = blocksUnder('Who is asking', 'json');
    const revocations = RevocationList.parse(Buffer.from(list, 'utf8').toString('latin1'));
    expect(revocations.size).toBe(2);
  });
});

describe('the quoted wiring', () => {
  it('for Envoy is a part of deploy/envoy/envoy.yaml', () => {
    const whole = valuesIn(documentsOf(readFileSync(join(ROOT, 'deploy/envoy/envoy.yaml'), 'utf8')));
    const quoted = valuesIn(documentsOf(blocksUnder('Wire it to Envoy', 'yaml')[0] ?? ''));
    expect(quoted.filter((value) => !whole.includes(value))).toEqual([]);
  });

  it('for Istio is a part of deploy/istio', () => {
    const files = ['mesh-config.yaml', 'authorization-policy.yaml'];
    const whole = files.flatMap((file) =>
      valuesIn(documentsOf(readFileSync(join(ROOT, 'deploy/istio', file), 'utf8'))),
    );
    const quoted = valuesIn(documentsOf(blocksUnder('Wire it to Istio', 'yaml')[0] ?? ''));
    expect(quoted.filter((value) => !whole.includes(value))).toEqual([]);
  });
});

function documentsOf(text: string): readonly unknown[] {
  return parseAllDocuments(text).map((document) => document.toJS() as unknown);
}

/** Each `key: value` with a plain value, at whatever depth. */
function valuesIn(node: unknown, key = ''): readonly string[] {
  if (typeof node !== 'object' || node === null) return [`${key}: ${String(node)}`];
  if (Array.isArray(node)) return node.flatMap((item: unknown) => valuesIn(item, key));
  return Object.entries(node).flatMap(([name, value]: [string, unknown]) => valuesIn(value, name));
}
