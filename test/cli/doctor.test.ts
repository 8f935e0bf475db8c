/* eslint-disable @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access --
   configurations are changed here as plain data: no types of Envoy and Istio are at hand */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { FAULTS } from '../../src/doctor/codes.ts';
import { changedEnvoy } from '../doctor/support.ts';
import { files, portcullis } from './support.ts';

const TIMEOUT_MS = 60_000;

const DEPLOY = join(import.meta.dirname, '../../deploy');

test.each(['envoy', 'istio', 'kubernetes/overlays/sidecar'])(
  'finds nothing in deploy/%s',
  async (name) => {
    const { code, stdout, stderr } = await portcullis(['doctor', join(DEPLOY, name)]);
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^nothing found in \d files?\n$/);
  },
  TIMEOUT_MS,
);

const CUSTOM = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: ask, namespace: istio-system}
spec:
  action: CUSTOM
  provider: {name: portcullis}
  rules: [{to: [{operation: {paths: ["/admin*"]}}]}]
`;

const MESH = `apiVersion: v1
kind: ConfigMap
metadata: {name: istio, namespace: istio-system}
data:
  mesh: |-
    extensionProviders:
      - name: portcullis
        envoyExtAuthzGrpc:
          service: portcullis.portcullis-system.svc.cluster.local
          port: 9191
          failOpen: true
`;

const FILTER = `apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {name: quick-fix, namespace: shop}
spec:
  configPatches:
    - applyTo: HTTP_FILTER
      match: {listener: {filterChain: {filter: {subFilter: {name: envoy.filters.http.ext_authz}}}}}
      patch: {operation: REMOVE}
`;

describe('five bad configurations', () => {
  test.each([
    [
      'an Envoy that fails open',
      { 'envoy.json': changedEnvoy(({ filter }) => (filter.failure_mode_allow = true)) },
      ['fail-open'],
    ],
    [
      'an Envoy with a way past the filter',
      {
        'envoy.json': changedEnvoy(({ manager, host }) => {
          manager.upgrade_configs = [{ upgrade_type: 'websocket', filters: [manager.http_filters.at(-1)] }];
          const type = 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute';
          host.typed_per_filter_config = { 'envoy.filters.http.ext_authz': { '@type': type, disabled: true } };
        }),
      },
      ['route-disabled', 'upgrade-without-filter'],
    ],
    [
      'an Envoy that asks in plaintext, and asks half',
      {
        'envoy.json': changedEnvoy(({ filter, cluster }) => {
          delete filter.include_peer_certificate;
          cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.address = '10.0.0.7';
        }),
      },
      ['certificate-missing', 'question-in-plaintext'],
    ],
    [
      'a mesh that fails open after ten minutes, and asks about one path',
      { 'istio/mesh.yaml': MESH, 'istio/custom.yaml': CUSTOM },
      ['asks-only-some', 'certificate-missing', 'fail-open', 'timeout-endless'],
    ],
    ['a mesh from which the question was taken', { 'filter.yaml': FILTER }, ['filter-removed', 'no-ext-authz']],
  ] as const)(
    '%s: each fault is named, and the command ends with 1',
    async (_what, texts, faults) => {
      using dir = files(texts);
      const { code, stdout } = await portcullis(['doctor', dir.path, '--format', 'json']);
      const { findings } = JSON.parse(stdout) as { findings: { severity: string; code: keyof typeof FAULTS }[] };
      const errors = findings.filter(({ severity }) => severity === 'error');
      expect(errors.map((each) => each.code).sort()).toEqual(faults);
      expect(code).toBe(1);
    },
    TIMEOUT_MS,
  );
});

test(
  'tells the place, what it gives to an attacker, and the mend',
  async () => {
    using dir = files({
      'istio.yaml': `${MESH}---\n${CUSTOM.replace('[{to: [{operation: {paths: ["/admin*"]}}]}]', '[{}]')}`,
    });
    const { code, stdout } = await portcullis(['doctor', dir.at('istio.yaml')]);
    expect(code).toBe(1);
    expect(stdout)
      .toContain(`${dir.at('istio.yaml')}:11:11: error fail-open: without an answer of \`portcullis\` the request passes
   11 |           failOpen: true
      |           ^
  at: data.mesh:.extensionProviders[0].envoyExtAuthzGrpc.failOpen
  risk: ${FAULTS['fail-open'].risk}
  mend: ${FAULTS['fail-open'].mend}
`);
    expect(stdout).toMatch(/\n3 errors, 3 warnings, 3 notes in 1 file\n$/);
  },
  TIMEOUT_MS,
);

test(
  'the same as JSON',
  async () => {
    using dir = files({ 'envoy.json': changedEnvoy(({ filter }) => (filter.shadow_mode = true)) });
    const { stdout } = await portcullis(['doctor', dir.path, '--format', 'json']);
    expect(JSON.parse(stdout)).toEqual({
      findings: [
        {
          file: dir.at('envoy.json'),
          line: expect.any(Number),
          column: expect.any(Number),
          severity: 'error',
          code: 'shadow-mode',
          message: 'the filter asks, and lets every request pass',
          path: 'static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[1].typed_config.shadow_mode',
          risk: FAULTS['shadow-mode'].risk,
          mend: FAULTS['shadow-mode'].mend,
        },
      ],
      problems: [],
      summary: { files: 1, errors: 1, warnings: 0, notes: 0 },
    });
  },
  TIMEOUT_MS,
);

test(
  'warnings do not fail',
  async () => {
    using dir = files({ 'envoy.json': changedEnvoy(({ manager }) => delete manager.merge_slashes) });
    const { code, stdout } = await portcullis(['doctor', dir.path]);
    expect(stdout).toContain('warning slashes-not-merged');
    expect(code).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  'compares with the configuration of Portcullis when it is named',
  async () => {
    using dir = files({
      'envoy/envoy.json': changedEnvoy(),
      'portcullis.yaml': 'clientIp: {useRemoteAddress: true, xffTrustedHops: 2}\n',
    });
    expect(await portcullis(['doctor', dir.at('envoy')])).toMatchObject({ code: 0 });
    const compared = await portcullis(['doctor', dir.at('envoy'), '--config', dir.at('portcullis.yaml')]);
    expect(compared.stdout).toContain(
      'client-ip-mismatch: `xff_num_trusted_hops` is 0 here and `clientIp.xffTrustedHops` 2',
    );
    expect(compared.code).toBe(1);
    const env = { PORTCULLIS_CONFIG: dir.at('portcullis.yaml') };
    expect(await portcullis(['doctor', dir.at('envoy')], { env })).toMatchObject({ code: 1 });
  },
  TIMEOUT_MS,
);

test(
  'reads standard input',
  async () => {
    const stdin = readFileSync(join(DEPLOY, 'envoy/envoy.yaml'), 'utf8');
    expect(await portcullis(['doctor', '-'], { stdin })).toMatchObject({
      code: 0,
      stdout: 'nothing found in 1 file\n',
    });
    expect(await portcullis(['doctor', '-'], { stdin: 'x: y' })).toMatchObject({ code: 1 });
  },
  TIMEOUT_MS,
);

test(
  'what cannot be read ends with 2, and says why',
  async () => {
    using dir = files({
      'broken.json': '{"configs": [',
      'good.json': changedEnvoy(({ filter }) => (filter.shadow_mode = true)),
    });
    const missing = await portcullis(['doctor', dir.at('none')]);
    expect(missing).toMatchObject({ code: 2, stdout: expect.stringContaining('missing-path') });
    const both = await portcullis(['doctor', dir.path]);
    expect(both.code).toBe(2);
    expect(both.stdout).toContain(`${dir.at('broken.json')}:1:14: error json-syntax`);
    expect(both.stdout).toContain('error shadow-mode');
    expect(await portcullis(['doctor'])).toMatchObject({ code: 2, stdout: '' });
  },
  TIMEOUT_MS,
);
