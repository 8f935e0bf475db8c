import { afterAll, beforeAll, expect, jest, test } from '@jest/globals';
import { openHttp1, sendHttp1 } from '../e2e/support/http1-client.ts';
import { sendHttp2 } from '../e2e/support/http2-client.ts';
import { accessPolicy, authorizationPolicy, documents } from '../e2e/support/policies.ts';
import { startWorld } from '../e2e/support/world.ts';
import type { World } from '../e2e/support/world.ts';
import { row } from './support.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

const open = [{ to: [{ operation: { paths: ['/public', '/public/*'] } }] }];
const closed = [{ to: [{ operation: { paths: ['/admin', '/admin/*'] } }] }];
const templates = [{ to: [{ operation: { paths: ['/files/{*}'] } }] }];

const policies = {
  'paths.yaml': documents(
    accessPolicy({ name: 'allow', app: 'allow', rules: open }),
    accessPolicy({ name: 'deny', app: 'deny', action: 'DENY', rules: [...closed, ...templates] }),
    accessPolicy({ name: 'deny-else', app: 'deny', rules: [{}] }),
    authorizationPolicy({ name: 'istio-allow', app: 'istio-allow', rules: open }),
    authorizationPolicy({ name: 'istio-deny', app: 'istio-deny', action: 'DENY', rules: closed }),
    authorizationPolicy({ name: 'istio-deny-else', app: 'istio-deny', rules: [{}] }),
  ),
};

const APPS = ['allow', 'deny', 'istio-allow', 'istio-deny'] as const;
const routesTo = (app: string) => [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': app } }];

let world: World<'portcullis'>;

beforeAll(async () => {
  world = await startWorld({
    services: { portcullis: { policies } },
    listeners: APPS.flatMap((app) => [
      { name: app, routes: routesTo(app), http: { normalizePath: false, mergeSlashes: false } },
      { name: `${app}, normalized`, routes: routesTo(app) },
    ]),
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

const statusAt = async (
  listener: string,
  path: string,
  headers: readonly (readonly [string, string])[] = [],
): Promise<number> => (await sendHttp1(world.envoy.target(listener), { path, headers })).status;

/** By each of the four ways to write a rule, as sent. */
const statusesOf = (path: string): Promise<number[]> => Promise.all(APPS.map((app) => statusAt(app, path)));

const REFUSED = [400, 400, 400, 400];
const PASSED = [200, 200, 200, 200];
const ADMIN = [403, 403, 403, 403];

/** What the upstream got during `send`. */
async function reached(send: () => Promise<unknown>): Promise<readonly string[]> {
  const before = world.upstream.seen().length;
  await send();
  return world.upstream
    .seen()
    .slice(before)
    .map(({ path }) => path);
}

/**
 * Over HTTP/1.1 and HTTP/2 Envoy or the service refuses them. Where Envoy has made a plain path of one first, what
 * reaches the upstream is still nothing that ALLOW did not name and nothing that DENY named.
 */
function refuses(paths: readonly string[], ...twins: readonly string[]): void {
  test.each(paths)('%j reaches nothing', async (path) => {
    const seen = await reached(async () => {
      expect(await statusesOf(path)).toEqual(REFUSED);
      const second = await sendHttp2(world.envoy.target('deny'), { path }).catch(() => ({ status: 400 }));
      expect(second.status).toBe(400);
    });
    expect(seen).toEqual([]);
  });

  test.each(paths)('%j is not a way around when Envoy normalizes it', async (path) => {
    for (const app of APPS) {
      const seen = await reached(() => statusAt(`${app}, normalized`, path));
      for (const each of seen)
        expect(each).toMatch(app.endsWith('allow') ? /^\/public(?:\/[^.%\\;]*)?(?:\?|$)/ : /^\/(?!\/|admin(?:[/?]|$))/);
    }
  });

  test.each(['/public/x', ...twins])('%j passes', async (path) => {
    expect(await statusesOf(path)).toEqual(PASSED);
    expect((await sendHttp2(world.envoy.target('deny'), { path })).status).toBe(200);
    expect(await statusAt('allow, normalized', path)).toBe(200);
  });
}

row('3.1', 'query and fragment', () => {
  refuses(
    ['/public/x#', '/public/x#/admin', '/public#x', '/public/x?a#b'],
    '/public/x?a=/../admin',
    '/public/x?',
    '/public/x?a?b',
  );
  test.each(['/admin?/public/x', '/admin??/public', '/admin/?public'])(
    '%j is decided without its query',
    async (path) => {
      expect(await statusesOf(path)).toEqual(ADMIN);
    },
  );
});

row('3.1', 'dot segments', () => {
  refuses(
    [
      '/public/../admin',
      '/public/x/../../admin',
      '/public/./../admin',
      '/public/%2e%2e/admin',
      '/public/%2E%2e/admin',
      '/public/.%2E/admin',
      '/public/%2e./admin',
      '/public/..',
      '/public/.',
      '/../public',
      '/./admin',
      '/x/../admin/y',
    ],
    '/public/...',
    '/public/.well-known',
  );
});

row('3.1', '`..;/`, `.;x`, `;params`', () => {
  refuses(
    [
      '/public/..;/admin',
      '/public/..;x=y/admin',
      '/public/..%3b/admin',
      '/public/%2e%2e;/admin',
      '/public/.;/..;/admin',
      '/public/.;x',
      '/;/admin',
      '/public/;x/y',
    ],
    '/public/x;v=1',
  );
  test.each(['/admin;x', '/admin;/y', '/admin;a=b/y'])('a DENY of AccessPolicy keeps %j out', async (path) => {
    expect([await statusAt('deny', path), await statusAt('deny, normalized', path)]).toEqual([403, 403]);
    expect(await statusAt('deny', path.replace('admin', 'other'))).toBe(200);
  });
});

row('3.1', 'empty segments', () => {
  refuses(
    [
      '//admin',
      '///admin',
      '//public/x',
      '/public//..//admin',
      '/public//x',
      '/public//',
      '/x/..//admin',
      '//evil.example/public/x',
    ],
    '/public/',
  );
});

row('3.1', 'escaped slash, backslash', () => {
  refuses(
    [
      '/public/..%2fadmin',
      '/public/..%2Fadmin',
      '/public/..%5cadmin',
      '/public/..%5Cadmin',
      '/public/..\\admin',
      '/public\\..\\admin',
      '/%2fadmin',
      '/%5Cadmin',
      '/\\admin',
      '/public/x%2f',
    ],
    '/public/x%2dy',
  );
});

row('3.1', 'double encoding', () => {
  refuses(
    [
      '/public/%252e%252e/admin',
      '/public/..%252fadmin',
      '/public/..%255Cadmin',
      '/public/%25252e%25252e/admin',
      '/public/%2541',
    ],
    '/public/100%25',
  );
});

row('3.1', 'NUL, controls, non-ASCII', () => {
  refuses(
    [
      '/public/%00',
      '/admin%00',
      '/public/%0a',
      '/public/%0d%0ax',
      '/public/%09',
      '/public/%1F',
      '/public/%7f',
      '/public/\u0001',
      '/public/\u0000',
      '/public/\tx',
      '/public/\u007f',
      '/public/\u0080',
      '/public/\u00ff',
      '/public/\u00c0\u00ae',
    ],
    '/public/a%20b',
    '/public/caf%C3%A9',
  );
});

row('3.1', 'bad percent escapes, overlong UTF-8', () => {
  refuses(
    [
      '/public/%',
      '/public/%2',
      '/public/%zz',
      '/public/%2g',
      '/public/%u002e',
      '/public/%c0%ae%c0%ae/admin',
      '/public/..%c0%afadmin',
      '/public/%e0%80%af',
      '/public/%C1%9C',
      '/public/%ed%a0%80',
      '/public/%ff',
    ],
    '/public/%F0%9F%98%80',
  );
});

row('3.1', 'trailing slash', () => {
  test('is under the prefix that is denied, and under the one that is allowed', async () => {
    expect(await statusesOf('/admin/')).toEqual(ADMIN);
    expect(await statusesOf('/public/')).toEqual(PASSED);
    expect(await statusAt('deny', '/files/x')).toBe(403);
    expect(await statusAt('deny', '/files/')).toBe(200);
  });
});

row('3.1', 'path case', () => {
  test.each(['/Public/x', '/PUBLIC', '/publ%49c/x'])('%j is not the path that is allowed', async (path) => {
    expect([await statusAt('allow', path), await statusAt('istio-allow', path)]).toEqual([403, 403]);
    expect([await statusAt('allow', '/public/x'), await statusAt('istio-allow', '/public/x')]).toEqual([200, 200]);
  });
  test('an escaped letter does not hide what AccessPolicy denies', async () => {
    expect([await statusAt('deny', '/%61dmin'), await statusAt('deny, normalized', '/adm%69n/x')]).toEqual([403, 403]);
    expect(await statusAt('deny', '/%62dmin')).toBe(200);
  });
});

row('3.1', 'no leading slash, `*`, absolute form, CONNECT', () => {
  const send = async (listener: string, line: string): Promise<number> => {
    const connection = await openHttp1(world.envoy.target(listener));
    try {
      return (await connection.sendBytes(Buffer.from(`${line}\r\nHost: shop.example\r\nConnection: close\r\n\r\n`)))
        .status;
    } finally {
      connection.close();
    }
  };
  test.each([
    'GET admin HTTP/1.1',
    'GET * HTTP/1.1',
    'OPTIONS * HTTP/1.1',
    'GET ?/public HTTP/1.1',
    'GET #/public HTTP/1.1',
    'GET ./admin HTTP/1.1',
    'CONNECT shop.example:443 HTTP/1.1',
    'CONNECT /admin HTTP/1.1',
    'GET http:///public/x HTTP/1.1',
    'GET  /admin HTTP/1.1',
    'GET /public/x y HTTP/1.1',
  ])('%s reaches nothing', async (line) => {
    const seen = await reached(async () => {
      for (const app of APPS) expect(await send(app, line)).toBeGreaterThanOrEqual(400);
    });
    expect(seen).toEqual([]);
    expect(await send('deny', 'GET /public/x HTTP/1.1')).toBe(200);
  });

  test('the absolute form is decided by its path', async () => {
    expect(await send('allow', 'GET http://shop.example/public/x HTTP/1.1')).toBe(200);
    for (const app of APPS) {
      expect(await send(app, 'GET http://shop.example/admin HTTP/1.1')).toBe(403);
      expect(await send(app, 'GET http://shop.example//admin HTTP/1.1')).toBe(400);
      expect(await send(app, 'GET http://shop.example/public/../admin HTTP/1.1')).toBe(400);
    }
  });
});

row('3.1', 'templates and odd characters', () => {
  test.each(['/files/*', '/files/[x]', '/files/{*}', '/files/|', '/files/<x>', '/files/^', '/files/"'])(
    '%j does not slip by a template',
    async (path) => {
      // Envoy percent-encodes some of these when it normalizes, and refuses none.
      expect([await statusAt('deny', path), await statusAt('deny, normalized', path)]).toEqual([403, 403]);
      expect(await statusAt('deny', path.replace('files', 'other'))).toBe(200);
    },
  );
});

row('3.1', 'header copies of the path', () => {
  test.each(['x-envoy-original-path', 'x-original-url', 'x-rewrite-url', 'x-forwarded-uri', 'x-forwarded-path'])(
    '%s neither opens nor closes',
    async (name) => {
      for (const app of APPS) {
        expect(await statusAt(app, '/admin', [[name, '/public/x']])).toBe(403);
        expect(await statusAt(app, '/public/x', [[name, '/admin']])).toBe(200);
      }
    },
  );
});
