/** A real Envoy that verifies tokens with its own jwt_authn, configured as Istio configures it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { envoyPath } from '../../../../scripts/install-envoy.mjs';
import { toText } from '../../../../src/attributes/bytes.ts';
import type { JwtProvider } from '../../../../src/policy/identity-model.ts';
import { startChild } from '../../../e2e/support/child-process.ts';
import { openHttp1 } from '../../../e2e/support/http1-client.ts';
import type { Http1Connection } from '../../../e2e/support/http1-client.ts';
import { valuesOf } from '../../../e2e/support/headers.ts';
import type { HeaderLine } from '../../../e2e/support/headers.ts';
import { temporaryDirectory } from '../../../e2e/support/temporary-directory.ts';
import { waitUntil } from '../../../e2e/support/wait.ts';

type Json = Record<string, unknown>;

export interface EnvoyVerdict {
  readonly outcome: 'none' | 'verified' | 'invalid';
  /** Of the dynamic metadata; null: none. */
  readonly payload: unknown;
  /** The request as it went on. */
  readonly path: string | null;
  readonly authorization: string | null;
}

export interface JwtEnvoy {
  ask(listener: string, path: string, headers: readonly HeaderLine[]): Promise<EnvoyVerdict>;
  log(): string;
  stop(): Promise<void>;
}

/** One listener for each provider, by the provider's id. */
export async function startJwtEnvoy(providers: readonly JwtProvider[]): Promise<JwtEnvoy> {
  const directory = await temporaryDirectory();
  const config = join(directory.path, 'envoy.json');
  const adminFile = join(directory.path, 'admin');
  await writeFile(config, JSON.stringify(bootstrap(providers)));
  const child = startChild({
    name: 'envoy',
    command: await envoyPath(),
    args: [
      ...['-c', config, '--admin-address-path', adminFile, '--disable-hot-restart'],
      ...['--concurrency', '1', '--log-level', 'warning'],
    ],
  });
  const connections = new Map<string, Http1Connection>();
  const stop = async (): Promise<void> => {
    for (const connection of connections.values()) connection.close();
    await child.stop();
    await directory.remove();
  };
  try {
    await waitUntil(
      'envoy to be ready',
      async () => {
        const admin = await readFile(adminFile, 'utf8');
        const response = await fetch(`http://${admin}/listeners?format=json`);
        const { listener_statuses: all } = (await response.json()) as {
          listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
        };
        for (const { name, local_address: address } of all) {
          const { port_value: port } = address.socket_address;
          connections.set(name, await openHttp1({ host: '127.0.0.1', port, tls: null }));
        }
        return connections.size === providers.length;
      },
      { timeoutMs: 30_000, because: () => child.output() },
    );
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    async ask(listener, path, headers) {
      const response = await connections.get(listener)!.send({ path, headers });
      // 403 is what it says to a token for another audience.
      if (![200, 401, 403].includes(response.status)) throw new Error(`status ${response.status}`);
      const [metadata] = valuesOf(response.headers, 'x-metadata');
      const payload =
        metadata === undefined || metadata === '-'
          ? null
          : (JSON.parse(toText(metadata)) as { payload?: unknown }).payload;
      return {
        outcome: response.status !== 200 ? 'invalid' : payload === null ? 'none' : 'verified',
        payload,
        path: valuesOf(response.headers, 'x-path')[0] ?? null,
        authorization: valuesOf(response.headers, 'x-authorization')[0] ?? null,
      };
    },
    log: () => child.output(),
    stop,
  };
}

const TYPE = 'type.googleapis.com/envoy.extensions.filters';

function bootstrap(providers: readonly JwtProvider[]): Json {
  return {
    admin: { address: address(0) },
    static_resources: { listeners: providers.map(listener) },
  };
}

function address(port: number): Json {
  return { socket_address: { address: '127.0.0.1', port_value: port } };
}

function listener(provider: JwtProvider): Json {
  return {
    name: provider.id,
    address: address(0),
    filter_chains: [{ filters: [{ name: 'hcm', typed_config: connectionManager(provider) }] }],
  };
}

function connectionManager(provider: JwtProvider): Json {
  const shown = (key: string, value: string): Json => ({ header: { key, value }, keep_empty_value: false });
  return {
    '@type': `${TYPE}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'test',
    http_filters: [
      { name: 'envoy.filters.http.jwt_authn', typed_config: jwtAuthn(provider) },
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.http.router.v3.Router` } },
    ],
    route_config: {
      response_headers_to_add: [
        shown('x-metadata', '%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%'),
        shown('x-path', '%REQ(:PATH)%'),
        shown('x-authorization', '%REQ(AUTHORIZATION)%'),
      ],
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }] },
      ],
    },
  };
}

/** What istio.io/istio pilot/pkg/security/authn makes of one rule of a RequestAuthentication. */
function jwtAuthn(provider: JwtProvider): Json {
  const { headers, params, cookies } = provider.locations;
  return {
    '@type': `${TYPE}.http.jwt_authn.v3.JwtAuthentication`,
    bypass_cors_preflight: true,
    providers: {
      'origins-0': {
        issuer: provider.issuer,
        audiences: provider.audiences,
        local_jwks: { inline_string: provider.keys.from === 'inline' ? provider.keys.jwks : '' },
        from_headers: headers.map(({ name, prefix }) => ({ name, value_prefix: prefix })),
        from_params: params,
        from_cookies: cookies,
        forward: provider.forwardOriginal,
        payload_in_metadata: 'payload',
        normalize_payload_in_metadata: {
          space_delimited_claims: ['scope', 'permission', ...provider.spaceDelimitedClaims],
        },
      },
    },
    rules: [
      {
        match: { prefix: '/' },
        requires: { requires_any: { requirements: [{ provider_name: 'origins-0' }, { allow_missing: {} }] } },
      },
    ],
  };
}
