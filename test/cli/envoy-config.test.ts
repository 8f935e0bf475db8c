/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return --
   configurations are changed here as plain data: no types of Envoy and Istio are at hand */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { createAuthority } from '../e2e/support/certificates.ts';
import type { Json } from '../e2e/support/recommended-config.ts';
import { temporaryDirectory, type TemporaryDirectory } from '../e2e/support/temporary-directory.ts';
import { complaintAbout } from '../e2e/support/validate-config.ts';
import { facts, found, type Loose } from '../doctor/support.ts';
import { files, portcullis } from './support.ts';

const TIMEOUT_MS = 60_000;

let certificates: TemporaryDirectory;

beforeAll(async () => {
  certificates = await temporaryDirectory();
  const authority = createAuthority('root');
  const leaf = authority.issue({ dnsNames: ['gate.example.com'] });
  await writeFile(join(certificates.path, 'ca.crt'), authority.certificate);
  await writeFile(join(certificates.path, 'tls.crt'), leaf.certificate);
  await writeFile(join(certificates.path, 'tls.key'), leaf.key);
});

afterAll(async () => {
  await certificates.remove();
});

const inDirectory = (name: string): string => join(certificates.path, name);

async function printed(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await portcullis(['envoy-config', ...args]);
  expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
  return stdout;
}

function documents(text: string): Loose[] {
  return parseAllDocuments(text).map((document) => {
    expect(document.errors).toEqual([]);
    return document.toJS();
  });
}

/** The least that is an Envoy, with what is printed in it. */
function bootstrap(text: string): Json {
  const [manager, resources] = documents(text);
  const orders = {
    name: 'orders',
    type: 'STATIC',
    load_assignment: { cluster_name: 'orders', endpoints: [] },
  };
  const route_config = {
    virtual_hosts: [
      { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, route: { cluster: 'orders' } }] },
    ],
  };
  const typed_config = {
    '@type': 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
    stat_prefix: 'inbound',
    route_config,
    ...manager,
  };
  return {
    static_resources: {
      listeners: [
        {
          name: 'inbound',
          address: { socket_address: { address: '127.0.0.1', port_value: 0 } },
          filter_chains: [{ filters: [{ name: 'envoy.filters.network.http_connection_manager', typed_config }] }],
        },
      ],
      clusters: [...resources.clusters, orders],
    },
  };
}

const TLS = ['--tls-ca', 'ca.crt', '--tls-cert', 'tls.crt', '--tls-key', 'tls.key'];

describe('for Envoy', () => {
  test.each([
    ['nothing said', []],
    ['a Unix socket', ['--address', 'unix:/run/portcullis/portcullis.sock']],
    ['another port and timeout', ['--address', '[::1]:7000', '--timeout', '0.5s']],
    ['a name with TLS', ['--address', 'gate.example.com:443', ...TLS]],
    ['an address with TLS', ['--address', '192.0.2.7:443', '--tls-ca', 'ca.crt']],
    ['a SPIFFE ID', ['--address', '192.0.2.7:443', ...TLS, '--tls-name', 'spiffe://cluster.local/ns/p/sa/portcullis']],
    ['addresses of clients', ['--client-ip', '2']],
    ['claims', ['--jwt-metadata', 'envoy.filters.http.jwt_authn']],
    ['names that YAML would read as something else', ['--jwt-metadata', 'yes', '--address', 'unix:/a b/#: {x}']],
  ])(
    'with %s Envoy takes it, and doctor finds nothing in it',
    async (_what, args) => {
      const config = bootstrap(await printed(args.map((arg) => (/\.(?:crt|key)$/.test(arg) ? inDirectory(arg) : arg))));
      expect(found(JSON.stringify(config))).toEqual([]);
      expect(await complaintAbout(config)).toBeNull();
    },
    TIMEOUT_MS,
  );

  test(
    'takes what is not said from the configuration of Portcullis',
    async () => {
      using dir = files({
        'p.yaml': `listen: unix:/run/p.sock
clientIp: {useRemoteAddress: true, xffTrustedHops: 3}
identity: {jwtMetadata: envoy.filters.http.jwt_authn}
`,
      });
      const text = await printed(['--config', dir.at('p.yaml')]);
      const [manager, { clusters }] = documents(text);
      expect(manager).toMatchObject({ use_remote_address: true, xff_num_trusted_hops: 3 });
      expect(manager.http_filters[0].typed_config.metadata_context_namespaces).toEqual([
        'envoy.filters.http.jwt_authn',
      ]);
      const [
        {
          lb_endpoints: [each],
        },
      ] = clusters[0].load_assignment.endpoints;
      expect(each.endpoint.address).toEqual({ pipe: { path: '/run/p.sock' } });
      const compared = facts({ 'clientIp.useRemoteAddress': true, 'clientIp.xffTrustedHops': 3 });
      expect(found(JSON.stringify(bootstrap(text)), compared)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

describe('for Istio', () => {
  test.each([
    ['nothing said', []],
    [
      'everything said',
      ['--address', 'gate.policy.svc:7000', '--timeout', '1s', '--client-ip', '1', '--jwt-metadata', 'x'],
    ],
  ])(
    'with %s doctor finds nothing in it',
    async (_what, args) => {
      const text = await printed(['--istio', ...args]);
      expect(documents(text)).toHaveLength(4);
      expect(found([{ path: 'istio.yaml', text }])).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'says the address, the timeout and the rest where Istio reads them',
    async () => {
      const text = await printed([
        '--istio',
        '--address',
        'gate.policy.svc:7000',
        '--timeout',
        '1s',
        '--client-ip',
        '1',
      ]);
      const [{ meshConfig }] = documents(text);
      expect(meshConfig.extensionProviders[0].envoyExtAuthzGrpc).toEqual({
        service: 'gate.policy.svc',
        port: 7000,
        timeout: '1s',
        failOpen: false,
        statusOnError: '503',
        clearRouteCache: false,
      });
      expect(meshConfig.defaultConfig).toEqual({ gatewayTopology: { numTrustedProxies: 1 } });
    },
    TIMEOUT_MS,
  );
});

test.each([
  [['--address', 'nowhere'], 'neither HOST:PORT nor unix:PATH'],
  [['--address', '0.0.0.0:9191'], 'say where Envoy reaches it'],
  [['--address', 'gate.example.com:9191'], '--tls-ca is needed for `gate.example.com:9191`'],
  [['--tls-cert', 'a', '--tls-key', 'b'], '--tls-ca is needed with the other --tls options'],
  [['--tls-ca', 'a', '--tls-cert', 'b'], '--tls-cert and --tls-key belong together'],
  [['--tls-ca', 'a', '--address', 'unix:/x'], '--tls-name is needed'],
  [['--timeout', '0s'], 'is no duration from 1ms to 5s'],
  [['--timeout', '10m'], 'is no duration from 1ms to 5s'],
  [['--client-ip', '-1'], 'is no number of proxies'],
  [['--jwt-metadata', 'a\nb'], 'that is no metadata namespace'],
  [['--istio', '--address', 'unix:/x'], 'is not HOST:PORT'],
  [['--istio', '--tls-ca', 'x'], 'the mesh has its own mutual TLS'],
])(
  '%j is bad usage',
  async (args, message) => {
    const { code, stdout, stderr } = await portcullis(['envoy-config', ...args]);
    expect({ code, stdout }).toStrictEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
  },
  TIMEOUT_MS,
);
