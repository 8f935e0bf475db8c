/** Several RequestAuthentication rules at once: we say what a real Envoy says, configured as istiod configures it. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { envoyPath } from '../../scripts/install-envoy.mjs';
import { toText } from '../../src/attributes/bytes.ts';
import { inIstioOrder } from '../../src/identity/combine-istio.ts';
import { jwtLocations } from '../../src/identity/jwt/locations.ts';
import type { JwtProvider } from '../../src/policy/identity-model.ts';
import { startChild } from '../e2e/support/child-process.ts';
import { valuesOf } from '../e2e/support/headers.ts';
import { openHttp1 } from '../e2e/support/http1-client.ts';
import type { Http1Connection } from '../e2e/support/http1-client.ts';
import { temporaryDirectory } from '../e2e/support/temporary-directory.ts';
import { waitUntil } from '../e2e/support/wait.ts';
import { World, carrying, createIssuer, inHeader, requestAuthentication, rule } from './support/identity.ts';
import type { Issuer } from './support/identity.ts';

type Json = Record<string, unknown>;

const TYPE = 'type.googleapis.com/envoy.extensions.filters';

/** What istio.io/istio pilot/pkg/security/authn/policy_applier.go makes of several rules. */
function jwtAuthn(rules: readonly JwtProvider[]): Json {
  const named = inIstioOrder(rules).map((provider, i) => ({ provider, name: `origins-${i}` }));
  const each = named.map(({ name }) => ({
    requires_any: { requirements: [{ provider_name: name }, { allow_missing: {} }] },
  }));
  const any = [...named.map(({ name }) => ({ provider_name: name })), { requires_all: { requirements: each } }];
  return {
    '@type': `${TYPE}.http.jwt_authn.v3.JwtAuthentication`,
    bypass_cors_preflight: true,
    providers: Object.fromEntries(
      named.map(({ provider, name }) => {
        const { headers, params } = jwtLocations(provider);
        return [
          name,
          {
            issuer: provider.issuer,
            audiences: provider.audiences,
            local_jwks: { inline_string: provider.keys.from === 'inline' ? provider.keys.jwks : '' },
            from_headers: headers.map((header) => ({ name: header.name, value_prefix: header.prefix })),
            from_params: params,
            forward: provider.forwardOriginal,
            payload_in_metadata: 'payload',
            forward_payload_header: provider.outputPayloadToHeader ?? '',
            claim_to_headers: provider.outputClaimToHeaders.map(({ header, claim }) => ({
              header_name: header,
              claim_name: claim,
            })),
          },
        ];
      }),
    ),
    rules: [{ match: { prefix: '/' }, requires: { requires_any: { requirements: any } } }],
  };
}

/** Of the request as it went on. */
const SHOWN = ['authorization', 'x-a', 'x-b', 'x-payload', 'x-sub', 'x-nested', 'x-number', 'x-scope', 'x-list'];

function connectionManager(rules: readonly JwtProvider[]): Json {
  const shown = (key: string, value: string): Json => ({ header: { key, value }, keep_empty_value: false });
  return {
    '@type': `${TYPE}.network.http_connection_manager.v3.HttpConnectionManager`,
    stat_prefix: 'test',
    http_filters: [
      { name: 'envoy.filters.http.jwt_authn', typed_config: jwtAuthn(rules) },
      { name: 'envoy.filters.http.router', typed_config: { '@type': `${TYPE}.http.router.v3.Router` } },
    ],
    route_config: {
      response_headers_to_add: [
        shown('metadata', '%DYNAMIC_METADATA(envoy.filters.http.jwt_authn)%'),
        ...SHOWN.map((name) => shown(`shown-${name}`, `%REQ(${name})%`)),
      ],
      virtual_hosts: [
        { name: 'all', domains: ['*'], routes: [{ match: { prefix: '/' }, direct_response: { status: 200 } }] },
      ],
    },
  };
}

const address = (port: number): Json => ({ socket_address: { address: '127.0.0.1', port_value: port } });

let a: Issuer;
let b: Issuer;
let stranger: Issuer;
let sets: ReadonlyMap<string, readonly JwtProvider[]>;
let tokens: ReadonlyMap<string, string>;
const connections = new Map<string, Http1Connection>();
let stop = (): Promise<void> => Promise.resolve();

beforeAll(async () => {
  a = await createIssuer('https://a.example');
  b = await createIssuer('https://b.example');
  stranger = await createIssuer('https://stranger.example');
  const outputs = {
    outputPayloadToHeader: 'x-payload',
    outputClaimToHeaders: ['sub', 'nested.in', 'number', 'scope', 'list'].map((claim) => ({
      header: `x-${claim.split('.')[0]!}`,
      claim,
    })),
  };
  sets = new Map([
    ['one place', [rule(b, outputs), rule(a)]],
    ['two places', [rule(b, { locations: inHeader('x-b') }), rule(a, { locations: inHeader('x-a') })]],
    ['one of any issuer', [rule(b), rule(a, { id: 'anyone', issuer: '', audiences: [] })]],
  ]);
  tokens = new Map([
    ['none', ''],
    ['of a', await a.token({ sub: 'ann', groups: ['staff'] })],
    [
      'of b',
      await b.token({
        sub: 'bob',
        nested: { in: 'deep' },
        number: 42,
        scope: 'read write',
        list: ['x', { y: [true, 1] }],
        email: 'b@b',
      }),
    ],
    ['of a for others', await a.token({ sub: 'ann', aud: 'billing' })],
    ['of b, expired', await b.token({ sub: 'bob', exp: 1000 })],
    ['of a, signed by another', await stranger.token({ iss: 'https://a.example' })],
    ['of a stranger', await stranger.token()],
    ['that is none', 'abc'],
  ]);

  const directory = await temporaryDirectory();
  const [config, adminFile] = [join(directory.path, 'envoy.json'), join(directory.path, 'admin')];
  const listeners = [...sets].map(([name, rules]) => ({
    name,
    address: address(0),
    filter_chains: [{ filters: [{ name: 'hcm', typed_config: connectionManager(rules) }] }],
  }));
  await writeFile(config, JSON.stringify({ admin: { address: address(0) }, static_resources: { listeners } }));
  const flags = ['--admin-address-path', adminFile, '--disable-hot-restart', '--concurrency', '1'];
  const child = startChild({ name: 'envoy', command: await envoyPath(), args: ['-c', config, ...flags] });
  stop = async () => {
    for (const connection of connections.values()) connection.close();
    await child.stop();
    await directory.remove();
  };
  await waitUntil(
    'envoy to be ready',
    async () => {
      const admin = await readFile(adminFile, 'utf8');
      const response = await fetch(`http://${admin}/listeners?format=json`);
      const { listener_statuses: all } = (await response.json()) as {
        listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
      };
      for (const { name, local_address: at } of all) {
        const { port_value: port } = at.socket_address;
        connections.set(name, await openHttp1({ host: '127.0.0.1', port, tls: null }));
      }
      return connections.size === sets.size;
    },
    { timeoutMs: 30_000, because: () => child.output() },
  );
}, 60_000);
afterAll(async () => {
  World.closeAll();
  await stop();
});

interface Said {
  readonly verdict: string;
  /** Headers of {@link SHOWN} that went on. */
  readonly upstream: Readonly<Record<string, string>>;
}

async function envoySays(set: string, headers: Readonly<Record<string, string>>, method: string): Promise<Said> {
  const response = await connections.get(set)!.send({ path: '/orders', method, headers: Object.entries(headers) });
  const [metadata] = valuesOf(response.headers, 'metadata');
  const payload =
    metadata === undefined || metadata === '-' ? null : (JSON.parse(toText(metadata)) as { payload: { sub: string } });
  const upstream = SHOWN.flatMap((name) => valuesOf(response.headers, `shown-${name}`).map((value) => [name, value]));
  return {
    verdict: response.status !== 200 ? 'invalid' : payload === null ? 'none' : `verified ${payload.payload.sub}`,
    upstream: response.status === 200 ? (Object.fromEntries(upstream) as Record<string, string>) : {},
  };
}

async function weSay(set: string, headers: Readonly<Record<string, string>>, method: string): Promise<Said> {
  const world = new World([requestAuthentication(...sets.get(set)!)]);
  const request = carrying(headers, { method });
  const { strip, set: outputs, result } = await world.ask(request);
  const kept = Object.entries(headers).filter(([name]) => SHOWN.includes(name) && !strip.headers.includes(name));
  return {
    verdict: (await world.verdict(request)).replace(/^(?:(verified) \S+( .*)|invalid .*)$/, (_all, good, who) =>
      typeof good === 'string' ? `${good}${String(who)}` : 'invalid',
    ),
    upstream: result.outcome === 'invalid' ? {} : Object.fromEntries([...kept, ...outputs]),
  };
}

describe('with a real Envoy', () => {
  it('one token: the same outcome, claims and headers for each set of rules', async () => {
    for (const [name, token] of tokens) {
      for (const [set, headers] of [
        ['one place', { authorization: `Bearer ${token}` }],
        ['one of any issuer', { authorization: `Bearer ${token}` }],
      ] as const) {
        const sent = token === '' ? {} : headers;
        expect({ set, name, ...(await weSay(set, sent, 'GET')) }).toEqual({
          set,
          name,
          ...(await envoySays(set, sent, 'GET')),
        });
      }
    }
  });

  it('two tokens in two places: the same outcome, claims and headers', async () => {
    for (const [first, inA] of tokens) {
      for (const [second, inB] of tokens) {
        const sent = { ...(inA === '' ? {} : { 'x-a': inA }), ...(inB === '' ? {} : { 'x-b': inB }) };
        expect({ first, second, ...(await weSay('two places', sent, 'GET')) }).toEqual({
          first,
          second,
          ...(await envoySays('two places', sent, 'GET')),
        });
      }
    }
  });

  it('preflights: the same outcome', async () => {
    const preflight = { authorization: 'Bearer abc', origin: 'https://ui', 'access-control-request-method': 'PUT' };
    for (const headers of [preflight, { ...preflight, origin: '' }, { authorization: 'Bearer abc' }]) {
      for (const method of ['OPTIONS', 'GET']) {
        expect(await weSay('one place', headers, method)).toEqual(await envoySays('one place', headers, method));
      }
    }
  });
});
