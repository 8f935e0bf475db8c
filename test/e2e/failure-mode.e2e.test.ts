import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { spiffeId } from './support/certificates.ts';
import { callGrpc } from './support/grpc-client.ts';
import type { HeaderLine } from './support/headers.ts';
import { openHttp1, sendHttp1 } from './support/http1-client.ts';
import { openHttp2, sendHttp2 } from './support/http2-client.ts';
import { certificateOf, clientWith, serverTls } from './support/identities.ts';
import { accessPolicy, anything, documents } from './support/policies.ts';
import { waitUntil } from './support/wait.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/**
 * An Envoy with `failure_mode_allow: true` lets a request pass when the call to the service fails. What
 * a client of the mesh can cause must therefore be an answer, never a failed call. And what really is a
 * failure (the service is gone) must let nothing pass with the recommended setting.
 */
const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }];

const policies = {
  'policies.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        {
          name: 'echo',
          to: [{ operation: { paths: ['/echo'] } }],
          respond: { request: { set: { 'x-copy': '${request.headers[x-in]}' } } },
        },
        anything('all'),
      ],
    }),
    accessPolicy({
      name: 'orders-deny',
      app: 'orders',
      action: 'DENY',
      rules: [
        { name: 'denied', to: [{ operation: { paths: ['/denied*', '/shop.Orders/*'] } }] },
        {
          name: 'robots',
          from: [{ source: { principals: ['cluster.local/ns/web/sa/robot-699'] } }],
          to: [{ operation: { paths: ['/principal'] } }],
        },
      ],
    }),
  ),
};

const BROKEN = 'apiVersion: portcullis.dev/v1\nkind: AccessPolicy\nmetadata: {name: x}\nspec: {nonsense: true}\n';

/** Above what the service takes in headers by default (256 KiB), below what the listeners let in. */
const TOO_MANY_HEADER_BYTES = 300 * 1024;
/** Above gRPC's own usual bound for a message (4 MiB). */
const BIG_BODY_BYTES = 6 * 1024 * 1024;

let world: World<'portcullis' | 'unready'>;

beforeAll(async () => {
  const permissive = {
    routes,
    http: { normalizePath: false, mergeSlashes: false, maxRequestHeadersKib: 1024, maxRequestHeaderLines: 5000 },
    extAuthz: { failureModeAllow: true },
  };
  world = await startWorld({
    services: {
      portcullis: { policies },
      unready: { policies: { 'broken.yaml': BROKEN }, unready: true },
    },
    listeners: [
      { name: 'strict', service: 'portcullis', routes },
      { ...permissive, name: 'open', service: 'portcullis' },
      {
        ...permissive,
        name: 'open-joined',
        service: 'portcullis',
        extAuthz: { ...permissive.extAuthz, encodeRawHeaders: false },
      },
      {
        ...permissive,
        name: 'open-body',
        service: 'portcullis',
        extAuthz: { ...permissive.extAuthz, requestBody: { maxBytes: 16 * 1024 * 1024, asBytes: true } },
      },
      { ...permissive, name: 'open-mtls', service: 'portcullis', tls: serverTls('shop', 'orders') },
      { ...permissive, name: 'open-unready', service: 'unready' },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

/** Runs `send` and shows that the service answered each of its requests and that none passed. */
async function expectAnswered(listener: string, send: () => Promise<unknown>): Promise<void> {
  const before = world.upstream.seen().length;
  await send();
  expect(world.upstream.seen().slice(before)).toEqual([]);
  expect(await world.envoy.extAuthzCounter(listener, 'error')).toBe(0);
  expect(await world.envoy.extAuthzCounter(listener, 'failure_mode_allowed')).toBe(0);
}

describe('with failure_mode_allow: true', () => {
  it('lets pass what is allowed', async () => {
    expect(await sendHttp1(world.envoy.target('open'), { path: '/' })).toMatchObject({ status: 200 });
    expect(await sendHttp1(world.envoy.target('open-body'), { path: '/', method: 'POST', body: 'x' })).toMatchObject({
      status: 200,
    });
  });

  it.each(['open', 'open-joined'])('a denied request does not pass (%s)', async (listener) => {
    await expectAnswered(listener, async () => {
      const target = world.envoy.target(listener);
      expect(await sendHttp1(target, { path: '/denied' })).toMatchObject({ status: 403 });
      expect(await sendHttp2(target, { path: '/denied' })).toMatchObject({ status: 403 });
      expect(await callGrpc(target, { path: '/shop.Orders/Get' })).toMatchObject({ code: 7 });
    });
  });

  it.each(['/a/../b', '/a%2fb', '/a%00', '/a%zz', '//a', '/a#b', '/a%252fb', '/\u00ff'])(
    'the malformed path %j does not pass',
    async (path) => {
      await expectAnswered('open', async () => {
        expect(await sendHttp1(world.envoy.target('open'), { path })).toMatchObject({ status: 400 });
      });
    },
  );

  it.each(['a@b', 'a..', 'a:b', 'a b', 'a,b', `${'a'.repeat(400)}.example`])(
    'the malformed host %j does not pass',
    async (host) => {
      await expectAnswered('open', async () => {
        expect(await sendHttp1(world.envoy.target('open'), { path: '/', host })).toMatchObject({ status: 400 });
      });
    },
  );

  it.each(['open', 'open-joined'])('oversized headers do not pass (%s)', async (listener) => {
    await expectAnswered(listener, async () => {
      const target = world.envoy.target(listener);
      const one: HeaderLine[] = [['x-big', 'a'.repeat(TOO_MANY_HEADER_BYTES)]];
      expect(await sendHttp1(target, { path: '/', headers: one })).toMatchObject({ status: 431 });
      const many = Array.from({ length: 90 }, (_, index): HeaderLine => [`x-${String(index)}`, 'a'.repeat(4096)]);
      expect(await sendHttp1(target, { path: '/', headers: many })).toMatchObject({ status: 431 });
      expect(await sendHttp2(target, { path: '/', headers: many })).toMatchObject({ status: 431 });
      const lines = Array.from({ length: 1500 }, (_, index): HeaderLine => [`x-${String(index)}`, 'a']);
      expect(await sendHttp1(target, { path: '/', headers: lines })).toMatchObject({ status: 431 });
    });
  });

  it('a certificate with hundreds of names does not pass', async () => {
    const uris = Array.from({ length: 700 }, (_, index) => spiffeId('cluster.local', 'web', `robot-${String(index)}`));
    const tls = clientWith(certificateOf('cluster.local', { uris }));
    await expectAnswered('open-mtls', async () => {
      expect(await sendHttp1(world.envoy.target('open-mtls', tls), { path: '/denied' })).toMatchObject({ status: 403 });
      expect(await sendHttp1(world.envoy.target('open-mtls', tls), { path: '/principal' })).toMatchObject({
        status: 403,
      });
    });
  });

  it('an oversized path does not pass', async () => {
    await expectAnswered('open', async () => {
      const path = `/${'a'.repeat(TOO_MANY_HEADER_BYTES)}`;
      const { status } = await sendHttp1(world.envoy.target('open'), { path });
      expect([400, 403, 414, 431]).toContain(status);
    });
  });

  it('a value too long to inject does not pass', async () => {
    await expectAnswered('open', async () => {
      const headers: HeaderLine[] = [['x-in', 'a'.repeat(8192)]];
      expect(await sendHttp1(world.envoy.target('open'), { path: '/echo', headers })).toMatchObject({ status: 500 });
    });
  });

  it('a body larger than the usual gRPC message is read, and decided like any other', async () => {
    const body = 'a'.repeat(BIG_BODY_BYTES);
    const target = world.envoy.target('open-body');
    await expectAnswered('open-body', async () => {
      expect(await sendHttp1(target, { method: 'POST', path: '/denied', body })).toMatchObject({ status: 403 });
    });
    expect(await sendHttp1(target, { method: 'POST', path: '/', body })).toMatchObject({ status: 200 });
    expect(await world.envoy.extAuthzCounter('open-body', 'failure_mode_allowed')).toBe(0);
  });

  it('bytes that are no HTTP do not pass', async () => {
    const before = world.upstream.seen().length;
    for (const bytes of [
      'GET / HTTP/1.1\r\nHost: a\r\nx: \u0000\r\n\r\n',
      'G@T / HTTP/1.1\r\nHost: a\r\n\r\n',
      'GET /\r\n\r\n',
    ]) {
      const connection = await openHttp1(world.envoy.target('open'));
      const response = await connection.sendBytes(Buffer.from(bytes, 'latin1')).catch(() => ({ status: 400 }));
      connection.close();
      expect(response.status).toBeGreaterThanOrEqual(400);
    }
    expect(world.upstream.seen().length).toBe(before);
  });

  it('nothing passes while the service has no policies yet', async () => {
    await expectAnswered('open-unready', async () => {
      const target = world.envoy.target('open-unready');
      expect(await sendHttp1(target, { path: '/' })).toMatchObject({ status: 503 });
      expect(await sendHttp2(target, { path: '/' })).toMatchObject({ status: 503 });
      expect(await callGrpc(target, { path: '/shop.Catalog/Get' })).toMatchObject({ code: 14 });
    });
    expect(await world.services.unready.admin('/readyz')).toMatchObject({ status: 503 });
  });

  it('nothing that is denied passes in a burst', async () => {
    await expectAnswered('open', async () => {
      const connection = await openHttp2(world.envoy.target('open'));
      const statuses = await Promise.all(
        Array.from({ length: 600 }, async () => (await connection.send({ path: '/denied' })).status),
      );
      connection.close();
      expect(statuses.filter((status) => status !== 403 && status !== 503)).toEqual([]);
    });
  });
});

describe('when the service is gone', () => {
  it('nothing passes, over any protocol, and all is well when it is back', async () => {
    const target = world.envoy.target('strict');
    expect(await sendHttp1(target, { path: '/' })).toMatchObject({ status: 200 });
    const before = world.upstream.seen().length;

    await world.services.portcullis.kill();
    for (let time = 0; time < 5; time++) {
      expect(await sendHttp1(target, { path: '/' })).toMatchObject({ status: 503 });
      expect(await sendHttp2(target, { path: '/' })).toMatchObject({ status: 503 });
      expect(await callGrpc(target, { path: '/shop.Catalog/Get' })).toMatchObject({ code: 14 });
    }
    expect(world.upstream.seen().length).toBe(before);

    await world.services.portcullis.start();
    await waitUntil('requests to pass again', async () => (await sendHttp1(target, { path: '/' })).status === 200);
    expect(await sendHttp1(target, { path: '/denied' })).toMatchObject({ status: 403 });
  }, 60_000);

  it('leaves with code 0 when it is told to, and answers what is in flight', async () => {
    const target = world.envoy.target('strict');
    const connection = await openHttp1(target);
    expect(await connection.send({ path: '/' })).toMatchObject({ status: 200 });
    const stopping = world.services.portcullis.stop();
    let exited = false;
    void stopping.then(() => (exited = true));
    const statuses: number[] = [];
    while (!exited) {
      statuses.push((await connection.send({ path: '/denied' })).status);
    }
    connection.close();
    expect(await stopping).toEqual({ code: 0, signal: null });
    // 403 while it still decides, 503 once it drains or is gone: never a 200.
    expect(statuses.filter((status) => status !== 403 && status !== 503)).toEqual([]);
    await world.services.portcullis.start();
  }, 60_000);
});
