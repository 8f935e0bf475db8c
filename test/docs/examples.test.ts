/** Whatever pages show as YAML or JSON is taken by the code that it is for. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv } from 'ajv';
import { parse, parseAllDocuments } from 'yaml';
import { lineSchema } from '../../src/audit/record-schema.ts';
import { loadConfig } from '../../src/config/load.ts';
import { RevocationList } from '../../src/identity/revocation/revocation-list.ts';
import { portcullis } from '../cli/support.ts';
import { blocksOf, blocksUnder, DOCS, pageOf, ROOT } from './pages.ts';

type Kind = 'policies' | 'configuration' | 'Envoy' | 'Istio' | 'Helm values';

/** By its first line. What begins like none of the others is a configuration, and has to pass for one. */
function kindOf(text: string): Kind {
  if (text.startsWith('apiVersion:')) return 'policies';
  if (text.startsWith('http_filters:')) return 'Envoy';
  if (text.startsWith('# meshConfig')) return 'Istio';
  return text.startsWith('# values.yaml') ? 'Helm values' : 'configuration';
}

const examples = DOCS.flatMap(({ name, text }) =>
  blocksOf(text)
    .filter(({ language }) => language === 'yaml')
    .map((block) => ({ page: name, text: block.text, kind: kindOf(block.text) })),
);
const ofKind = (kind: Kind): readonly { readonly page: string; readonly text: string }[] =>
  examples.filter((example) => example.kind === kind);

const directory = mkdtempSync(join(tmpdir(), 'portcullis-docs-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

function write(name: string, text: string): string {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

it('there are examples of every kind', () => {
  expect(new Set(examples.map(({ kind }) => kind)).size).toBe(5);
});

describe('policies', () => {
  // Somebody has to ask for a token where only a provider is shown, or lint says that nobody does.
  const asks = `apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: { name: all, namespace: shop }
spec: { selector: { matchLabels: { app: x } }, rules: [{ from: [{ source: { requestPrincipals: ['*'] } }] }] }
`;

  it.each(ofKind('policies'))('of $page have no error and no warning: $text', async ({ text }) => {
    const alone = dirname(write('alone/shown.yaml', text));
    if (text.includes('kind: IdentityProvider')) write('alone/asks.yaml', asks);
    else rmSync(join(alone, 'asks.yaml'), { force: true });
    const config = write('tokens.yaml', 'identity: { jwtMetadata: envoy.filters.http.jwt_authn }');
    const settings = text.includes('kind: IdentityProvider') ? [] : ['--config', config];
    const { code, stdout } = await portcullis(['lint', alone, ...settings]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^no problems/) });
  });
});

it.each(ofKind('configuration'))('$page shows a configuration that is taken: $text', ({ text }) => {
  expect(loadConfig({ file: write('portcullis.yaml', text) }).diagnostics).toEqual([]);
});

it.each(ofKind('Helm values'))('$page shows values that the chart takes', async ({ text }) => {
  const schema = readFileSync(join(ROOT, 'deploy/helm/portcullis/values.schema.json'), 'utf8');
  const validate = new Ajv({ strict: false }).compile(JSON.parse(schema) as object);
  const values = parse(text) as { readonly policies: { readonly files: Readonly<Record<string, string>> } };
  validate(values);
  expect(validate.errors ?? []).toEqual([]);
  for (const [name, policies] of Object.entries(values.policies.files)) write(`helm/${name}`, policies);
  const { stdout } = await portcullis(['lint', join(directory, 'helm')]);
  expect(stdout).toMatch(/^no problems/);
});

it.each([
  ['Envoy', ['deploy/envoy/envoy.yaml']],
  ['Istio', ['deploy/istio/mesh-config.yaml', 'deploy/istio/authorization-policy.yaml']],
] as const)('the wiring of %s is a part of deploy/', (kind, files) => {
  const whole = files.flatMap((file) => valuesIn(documentsOf(pageOf(file).text)));
  const quoted = ofKind(kind).flatMap(({ text }) => valuesIn(documentsOf(text)));
  expect(quoted.length).toBeGreaterThan(0);
  expect(quoted.filter((value) => !whole.includes(value))).toEqual([]);
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

describe('docs/identity.md', () => {
  const page = pageOf('docs/identity.md');
  const shown = [
    ...blocksUnder(page, 'Your issuer', 'yaml'),
    ...blocksUnder(page, 'Tokens of people and jobs', 'yaml'),
  ].filter((text) => kindOf(text) === 'policies');

  beforeAll(() => {
    shown.forEach((text, index) => write(`policies/${index}.yaml`, text));
  });

  it('shows providers in which lint finds nothing, all of them beside each other', async () => {
    expect(shown.length).toBeGreaterThanOrEqual(5);
    const { code, stdout } = await portcullis(['lint', join(directory, 'policies')]);
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^no problems/) });
  });

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
    const file = write(
      'shown.test.yaml',
      `policies: [policies]
defaults: { request: { workload: { namespace: shop, serviceAccount: orders, labels: { app: orders } } } }
tests: [{ name: it, request: ${request}, expect: ${expected} }]
`,
    );
    expect(await portcullis(['test', file])).toMatchObject({ code: 0 });
  });

  it('shows a list of revocations that is read', () => {
    const [list = ''] = blocksUnder(page, 'Revoked before their time', 'json');
    const revocations = RevocationList.parse(Buffer.from(list, 'utf8').toString('latin1'));
    expect(revocations.size).toBe(2);
  });
});

describe('docs/denied.md', () => {
  const page = pageOf('docs/denied.md');

  it('shows a record as the decision log has them', () => {
    const [line = ''] = blocksUnder(page, 'Ask the decision log', 'json');
    expect(lineSchema.safeParse(JSON.parse(line)).error).toBeUndefined();
  });

  it('shows a request that explain takes, and that is denied', async () => {
    const [request = ''] = blocksUnder(page, 'Ask explain', 'json');
    const { code, stdout } = await portcullis([
      'explain',
      ...['--config', join(ROOT, 'portcullis.yaml'), '--policies', join(ROOT, 'policies')],
      ...['--request', write('denied.json', request)],
    ]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^1: deny {2}4\d\d /);
  });

  it('has only reasons that there are in its table of surprises', () => {
    const known = pageOf('docs/reference/reasons.md').text;
    const named = [...page.text.matchAll(/^\| `(\w+)`/gm)].map(([, reason]) => reason!);
    expect(named.length).toBeGreaterThan(3);
    expect(named.filter((reason) => !known.includes(`| \`${reason}\` |`))).toEqual([]);
  });
});
