import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { callGrpc, type GrpcAnswer } from './support/grpc-client.ts';
import { valuesOf } from './support/headers.ts';
import { clientOf, serverTls } from './support/identities.ts';
import { accessPolicy, documents } from './support/policies.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** gRPC calls through Envoy: what the caller's own gRPC library tells about a denial. */
const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }];
const to = (path: string) => ({ to: [{ operation: { paths: [path], methods: ['POST'] } }] });

const policies = {
  'grpc.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        { name: 'catalog', ...to('/shop.Catalog/*') },
        {
          name: 'orders',
          from: [{ source: { principals: ['cluster.local/ns/edge/sa/gateway'] } }],
          ...to('/shop.Orders/*'),
          respond: {
            request: { set: { 'x-user': '${source.principal}' } },
            response: { set: { 'x-policy': 'orders' } },
          },
        },
      ],
    }),
    accessPolicy({
      name: 'orders-deny',
      app: 'orders',
      action: 'DENY',
      rules: [
        {
          name: 'no-delete',
          ...to('/shop.Orders/Delete'),
          respond: { deny: { status: 429, body: 'not today', headers: { 'retry-after': '60' } } },
        },
      ],
    }),
  ),
};

let world: World<'portcullis'>;

beforeAll(async () => {
  world = await startWorld({
    services: { portcullis: { policies } },
    listeners: [
      { name: 'plaintext', routes },
      { name: 'mtls', routes, tls: serverTls('shop', 'orders'), http: { normalizePath: false, mergeSlashes: false } },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

const gateway = clientOf('edge', 'gateway');
const call = (
  path: string,
  more: { stream?: boolean; metadata?: readonly (readonly [string, string])[] } = {},
): Promise<GrpcAnswer> => callGrpc(world.envoy.target('mtls', gateway), { path, message: 'hello', ...more });

describe('an allowed call', () => {
  it('reaches the method with its message and comes back, unary', async () => {
    const answer = await call('/shop.Orders/Get', { metadata: [['x-user', 'root']] });
    expect(answer).toMatchObject({ code: 0, messages: [{ path: '/shop.Orders/Get', body: 'hello' }] });
    expect(valuesOf(answer.messages[0]?.headers ?? [], 'x-user')).toEqual(['cluster.local/ns/edge/sa/gateway']);
    expect(valuesOf(answer.headers, 'x-policy')).toEqual(['orders']);
  });

  it('streams', async () => {
    const answer = await call('/shop.Orders/Watch', { stream: true });
    expect(answer.code).toBe(0);
    expect(answer.messages).toHaveLength(3);
  });

  it('needs no TLS where the rule needs no principal', async () => {
    const answer = await callGrpc(world.envoy.target('plaintext'), { path: '/shop.Catalog/Get' });
    expect(answer.code).toBe(0);
  });
});

describe('a denied call', () => {
  it('ends with PERMISSION_DENIED, unary and streaming, and reaches nothing', async () => {
    const before = world.upstream.seenUnder('/shop.Orders').length;
    for (const stream of [false, true]) {
      const path = stream ? '/shop.Orders/Watch' : '/shop.Orders/Get';
      const answer = await callGrpc(world.envoy.target('plaintext'), { path, stream });
      expect(answer).toMatchObject({ code: 7, messages: [] });
    }
    expect(world.upstream.seenUnder('/shop.Orders').length).toBe(before);
  });

  it('ends with the status, text and headers that the rule gives', async () => {
    const answer = await call('/shop.Orders/Delete');
    // 429 is UNAVAILABLE where HTTP statuses are read as gRPC ones (grpc/doc/http-grpc-status-mapping.md).
    expect(answer).toMatchObject({ code: 14, details: 'not today', messages: [] });
    expect(valuesOf(answer.headers, 'retry-after')).toEqual(['60']);
  });

  it('is one when the method is written in another way', async () => {
    for (const path of ['/shop.Orders//Get', '/shop.Orders/../shop.Catalog/Get', '/shop.Orders%2fGet']) {
      const answer = await call(path);
      expect([path, answer.code === 0]).toEqual([path, false]);
    }
  });
});
