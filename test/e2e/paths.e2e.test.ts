import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { openHttp1, sendHttp1 } from './support/http1-client.ts';
import { sendHttp2 } from './support/http2-client.ts';
import { accessPolicy, authorizationPolicy, documents } from './support/policies.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** Paths, hosts and methods that programs read in different ways. */
const routes = [
  { prefix: '/istio', contextExtensions: { namespace: 'shop', 'label.app': 'istio' } },
  { prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } },
];

const rule = (name: string, operation: Record<string, unknown>) => ({ name, to: [{ operation }] });

const policies = {
  'paths.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        rule('anything', { paths: ['/any/*', '/any', '/'] }),
        rule('exact', { paths: ['/exact'] }),
        rule('template', { paths: ['/orders/{*}', '/files/{**}'] }),
        rule('spelled', { paths: ['/caf\u00e9', '/two%20words'] }),
        rule('host', { hosts: ['orders.example'], paths: ['/host'] }),
        rule('method', { methods: ['GET', 'PROPFIND'], paths: ['/method'] }),
        rule('public', { paths: ['/public/*'] }),
      ],
    }),
    accessPolicy({
      name: 'orders-deny',
      app: 'orders',
      action: 'DENY',
      rules: [rule('admin', { paths: ['/any/admin*'] })],
    }),
    authorizationPolicy({ name: 'istio', app: 'istio', rules: [{ to: [{ operation: { paths: ['/istio*'] } }] }] }),
  ),
};

let world: World<'deny' | 'evaluate'>;

beforeAll(async () => {
  const asSent = { normalizePath: false, mergeSlashes: false };
  world = await startWorld({
    services: { deny: { policies }, evaluate: { policies, config: { requests: { ambiguousPaths: 'evaluate' } } } },
    listeners: [
      { name: 'as-sent', service: 'deny', routes, http: asSent },
      { name: 'normalized', service: 'deny', routes },
      { name: 'evaluate', service: 'evaluate', routes, http: asSent },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

async function statusOf(path: string, listener = 'as-sent'): Promise<number> {
  return (await sendHttp1(world.envoy.target(listener), { path })).status;
}

describe('a path that could be read in two ways', () => {
  const ambiguous = [
    '/any/../any/x',
    '/any/./x',
    '/any/x/..',
    '/any/.',
    '/any/..;/x',
    '/any/.;a=b/x',
    '/any/%2e%2e/x',
    '/any/%2E./x',
    '/any/.%2e;x/y',
    '/any/a%2fb',
    '/any/a%2Fb',
    '/any/a%5cb',
    '/any/a%5Cb',
    '/any/a\\b',
    '/any//b',
    '//any/b',
    '/any/a%252fb',
    '/any/a%2541',
    '/any/%00',
    '/any/%0a',
    '/any/%7f',
    '/any/%zz',
    '/any/%',
    '/any/%2',
    '/any/caf%E9',
    '/any/a#b',
    '/any/a?b#c',
    '/any;/../x',
  ];

  it.each(ambiguous)('%s is answered 400, and reaches no upstream', async (path) => {
    const before = world.upstream.seen().length;
    const statuses = [
      await statusOf(path),
      (await sendHttp2(world.envoy.target('as-sent'), { path })).status,
      // For Istio's kind too: the gate is before every rule.
      await statusOf(path.replaceAll('any', 'istio')),
    ];
    expect(statuses).toEqual([400, 400, 400]);
    expect(world.upstream.seen().length).toBe(before);
  });

  it.each(ambiguous)('%s never reaches what DENY names when envoy normalises paths', async (path) => {
    await statusOf(path.replace('/any/', '/any/admin/'), 'normalized');
    const reached = world.upstream.seenUnder('/any/admin');
    expect(reached).toEqual([]);
  });

  it.each(['/any/\u00ff', '/any/caf\u00c3\u00a9', '/any/\u0001', '/any/\u007f'])(
    'a raw byte in %j is refused',
    async (path) => {
      const before = world.upstream.seen().length;
      expect(await statusOf(path)).toBe(400);
      expect(world.upstream.seen().length).toBe(before);
    },
  );

  it.each(['OPTIONS * HTTP/1.1', 'GET any HTTP/1.1', 'CONNECT shop.example:443 HTTP/1.1'])(
    '%s does not pass',
    async (line) => {
      const before = world.upstream.seen().length;
      const connection = await openHttp1(world.envoy.target('as-sent'));
      const response = await connection.sendBytes(
        Buffer.from(`${line}\r\nHost: shop.example\r\nConnection: close\r\n\r\n`),
      );
      connection.close();
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(world.upstream.seen().length).toBe(before);
    },
  );
});

describe('an ordinary path', () => {
  it.each([
    '/any/x',
    '/any/a%20b',
    '/any/caf%C3%A9',
    '/any/a;b=c',
    '/any/a.b..c/...',
    "/any/a+b=c@d:e!$&'()*,~",
    '/any/?x=/../%2f//%zz',
    '/any/x?',
    '/any/x?a?b',
    '/',
  ])('%s passes', async (path) => {
    expect(await statusOf(path)).toBe(200);
    expect((await sendHttp2(world.envoy.target('as-sent'), { path })).status).toBe(200);
  });

  it('is matched without its query, exactly', async () => {
    expect(await statusOf('/exact')).toBe(200);
    expect(await statusOf('/exact?a=b')).toBe(200);
    expect(await statusOf('/exact/')).toBe(403);
    expect(await statusOf('/Exact')).toBe(403);
    expect(await statusOf('/other?/exact')).toBe(403);
  });

  it('is matched by templates, segment by segment', async () => {
    expect(await statusOf('/orders/1')).toBe(200);
    expect(await statusOf('/orders/1/2')).toBe(403);
    expect(await statusOf('/orders/')).toBe(403);
    expect(await statusOf('/files/1/2')).toBe(200);
  });

  it('is the same in each spelling', async () => {
    expect(await statusOf('/caf%C3%A9')).toBe(200);
    expect(await statusOf('/caf%c3%a9')).toBe(200);
    expect(await statusOf('/two%20words')).toBe(200);
    // An escape that nobody needs: the path as sent is none that the rule names.
    expect(await statusOf('/%65xact')).toBe(403);
    expect(await statusOf('/any/%61dmin')).toBe(403);
  });
});

describe('with ambiguousPaths: evaluate', () => {
  it('ALLOW needs every reading', async () => {
    expect(await statusOf('/public/a', 'evaluate')).toBe(200);
    expect(await statusOf('/public/a/../b', 'evaluate')).toBe(200);
    expect(await statusOf('/public/../secret', 'evaluate')).toBe(403);
    expect(await statusOf('/public/..%2fsecret', 'evaluate')).toBe(403);
    expect(await statusOf('/public/..;/secret', 'evaluate')).toBe(403);
    expect(await statusOf('/public/%252e%252e/secret', 'evaluate')).toBe(403);
  });

  it('DENY takes any', async () => {
    for (const path of ['/any/x', '/any//x']) {
      expect([path, await statusOf(path, 'evaluate')]).toEqual([path, 200]);
    }
    for (const path of [
      '/any/admin',
      '/any//admin',
      '/any/x/../admin',
      '/any/./admin',
      '/any/%2e/admin',
      '/any%2fadmin',
      '/any%5cadmin',
      '/any%252fadmin',
      '/any/%61dmin',
      '/any/x/..;/admin',
      '/any;x/admin',
    ]) {
      expect([path, await statusOf(path, 'evaluate')]).toEqual([path, 403]);
    }
  });
});

describe('the host', () => {
  const withHost = async (host: string | null): Promise<number> => {
    const response = await sendHttp1(world.envoy.target('as-sent'), { path: '/host', host });
    return response.status;
  };

  it.each(['orders.example', 'ORDERS.example', 'orders.example:8080', 'orders.example.', 'Orders.Example.:80'])(
    '%s is the one that is named',
    async (host) => {
      expect(await withHost(host)).toBe(200);
      const response = await sendHttp2(world.envoy.target('as-sent'), { path: '/host', authority: host });
      expect(response.status).toBe(200);
    },
  );

  it.each(['other.example', 'orders.example.evil.example', 'xorders.example', ''])('%j is another', async (host) => {
    expect([400, 403]).toContain(await withHost(host));
  });

  it.each(['user@orders.example', 'orders.example,other.example', 'orders.example..', 'orders.example:port', 'a/b'])(
    '%s is refused',
    async (host) => {
      const before = world.upstream.seen().length;
      expect(await withHost(host)).toBe(400);
      expect(world.upstream.seen().length).toBe(before);
    },
  );
});

describe('the method', () => {
  it.each<[string, number]>([
    ['GET', 200],
    ['PROPFIND', 200],
    ['POST', 403],
    ['get', 403],
    ['GETS', 403],
  ])('%s: %i', async (method, status) => {
    expect((await sendHttp1(world.envoy.target('as-sent'), { method, path: '/method' })).status).toBe(status);
  });

  it('is not taken from override headers', async () => {
    const headers = [['x-http-method-override', 'GET']] as const;
    const response = await sendHttp1(world.envoy.target('as-sent'), { method: 'POST', path: '/method', headers });
    expect(response.status).toBe(403);
  });
});
