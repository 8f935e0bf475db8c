import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from '@jest/globals';
import { startAdmin } from '../../src/admin/admin.ts';
import type { Admin, AdminOptions } from '../../src/admin/admin.ts';
import type { ReadinessReport } from '../../src/admin/readiness.ts';

const READY: ReadinessReport = {
  ready: true,
  draining: false,
  stale: false,
  restored: false,
  revision: 'r1',
  policies: 2,
  rules: 5,
  loadedAtMs: Date.UTC(2026, 0, 2),
  identity: {
    keys: [],
    introspection: [],
    revocation: null,
    tokens: { entries: 0, bytes: 0 },
    outcomes: { none: 0, verified: 0, invalid: 0, unavailable: 0 },
  },
  withoutPrincipal: [],
  problems: [],
};

const CLASSIC = { contentType: 'text/plain; version=0.0.4; charset=utf-8' };

let admin: Admin | null = null;
let errors: unknown[] = [];
afterEach(async () => {
  await admin?.close();
  admin = null;
  errors = [];
});

async function start(options: Partial<AdminOptions> = {}): Promise<Admin> {
  admin = await startAdmin({
    admin: '127.0.0.1:0',
    health: '127.0.0.1:0',
    readiness: () => READY,
    metrics: { scrape: () => Promise.resolve({ ...CLASSIC, body: 'x_total 1\n' }) },
    onError: (error) => errors.push(error),
    ...options,
  });
  return admin;
}

interface Reply {
  status: number;
  headers: Record<string, unknown>;
  body: string;
}

function ask(
  address: string | null,
  path: string,
  options: { method?: string; host?: string; body?: string } = {},
): Promise<Reply> {
  const [host, port] = (address ?? '').split(':');
  return new Promise((resolve, reject) => {
    const headers = { ...(options.host === undefined ? {} : { host: options.host }) };
    const request = httpRequest(
      { host, port, path, method: options.method ?? 'GET', headers, agent: false },
      (response) => {
        let body = '';
        response.on('data', (chunk: Buffer) => (body += chunk.toString()));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body }));
      },
    );
    request.on('error', reject);
    request.end(options.body);
  });
}

/** Sends raw bytes and waits until the server closes. */
function raw(address: string | null, bytes: string): Promise<string> {
  const [host, port] = (address ?? '').split(':');
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect(Number(port), host);
    socket.on('data', (chunk) => (answer += chunk.toString()));
    socket.on('error', () => resolve(answer));
    socket.on('close', () => resolve(answer));
    socket.write(bytes);
  });
}

describe('both servers', () => {
  it('say that the process is alive', async () => {
    const { adminAddress, healthAddress } = await start();
    for (const address of [adminAddress, healthAddress]) {
      expect(await ask(address, '/livez')).toMatchObject({ status: 200, body: 'alive\n' });
    }
  });

  it('say that the service is ready, and with what', async () => {
    const { healthAddress } = await start();
    const { status, headers, body } = await ask(healthAddress, '/readyz');
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' });
    expect(JSON.parse(body)).toEqual({
      ready: true,
      draining: false,
      stale: false,
      restored: false,
      revision: 'r1',
      policies: 2,
      rules: 5,
      loadedAt: '2026-01-02T00:00:00.000Z',
      identity: { keys: [], introspection: [], revocation: null, listenersWithoutPrincipal: 0 },
      errors: 0,
      warnings: 0,
    });
  });

  it('count listeners without principals, and name them to this machine alone', async () => {
    const withoutPrincipal = [{ listener: '10.0.0.1:80\n', warning: 'set this' }];
    const { adminAddress, healthAddress } = await start({ readiness: () => ({ ...READY, withoutPrincipal }) });
    const [own, open] = await Promise.all(
      [adminAddress, healthAddress].map(async (address) => {
        const { status, body } = await ask(address, '/readyz');
        expect(status).toBe(200);
        return JSON.parse(body) as { identity: unknown; listeners?: unknown };
      }),
    );
    for (const each of [own, open]) expect(each!.identity).toMatchObject({ listenersWithoutPrincipal: 1 });
    expect(own!.listeners).toEqual([{ listener: '10.0.0.1:80\\x0a', warning: 'set this' }]);
    expect(open!.listeners).toBeUndefined();
  });

  it.each([
    ['before the first good policies', { ready: false, revision: null, policies: 0, rules: 0, loadedAtMs: null }],
    ['while draining', { ready: false, draining: true }],
  ])('answer 503 %s', async (_, report) => {
    const { adminAddress, healthAddress } = await start({ readiness: () => ({ ...READY, ...report }) });
    for (const address of [adminAddress, healthAddress]) {
      const { status, body } = await ask(address, '/readyz');
      expect(status).toBe(503);
      expect(JSON.parse(body)).toMatchObject({ ready: false });
    }
  });

  it('stay ready on stale policies, and only the admin server tells what is wrong with the new ones', async () => {
    const position = { file: 'policies/a\u001b.yaml', line: 3, column: 7 };
    const problem = {
      severity: 'error',
      code: 'unknown-field',
      message: 'unknown field `rulez`',
      hint: 'did you mean `rules`?',
      position,
    } as const;
    const warning = { severity: 'warning', code: 'expired', message: 'over', position } as const;
    const { adminAddress, healthAddress } = await start({
      readiness: () => ({ ...READY, stale: true, problems: [problem, warning] }),
    });
    const detail = await ask(adminAddress, '/readyz');
    expect(detail.status).toBe(200);
    expect(JSON.parse(detail.body)).toMatchObject({
      stale: true,
      errors: 1,
      warnings: 1,
      problems: [
        {
          severity: 'error',
          code: 'unknown-field',
          message: 'unknown field `rulez`',
          hint: 'did you mean `rules`?',
          place: 'policies/a\\x1b.yaml:3:7',
        },
        { severity: 'warning', code: 'expired', message: 'over', place: 'policies/a\\x1b.yaml:3:7' },
      ],
    });
    const brief = await ask(healthAddress, '/readyz');
    expect(JSON.parse(brief.body)).toMatchObject({ stale: true, errors: 1, warnings: 1 });
    expect(brief.body).not.toContain('rulez');
  });

  it('serve the metrics', async () => {
    const { adminAddress, healthAddress } = await start();
    for (const address of [adminAddress, healthAddress]) {
      expect(await ask(address, '/metrics?x=1')).toMatchObject({
        status: 200,
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        body: 'x_total 1\n',
      });
    }
  });

  it('tell nothing of an error, but hand it on', async () => {
    const error = new Error('secret detail');
    const { adminAddress } = await start({ metrics: { scrape: () => Promise.reject(error) } });
    expect(await ask(adminAddress, '/metrics')).toMatchObject({ status: 500, body: 'internal error\n' });
    expect(errors).toEqual([error]);
  });

  it('answer HEAD as GET without a body', async () => {
    const { adminAddress } = await start();
    expect(await ask(adminAddress, '/livez', { method: 'HEAD' })).toMatchObject({
      status: 200,
      headers: { 'content-length': '6' },
      body: '',
    });
  });

  it.each(['POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE'])('do not take %s', async (method) => {
    const { adminAddress } = await start();
    expect(await ask(adminAddress, '/livez', { method })).toMatchObject({
      status: 405,
      headers: { allow: 'GET, HEAD' },
    });
  });

  it.each(['/', '/livez/', '/LIVEZ', '//livez', '/livez/../metrics', '/debug', '/__proto__', '/constructor'])(
    'do not know %s',
    async (path) => {
      const { adminAddress, healthAddress } = await start();
      for (const address of [adminAddress, healthAddress]) {
        expect(await ask(address, path)).toMatchObject({ status: 404, body: 'not found\n' });
      }
    },
  );

  it('take no request body, and close the connection that brought one', async () => {
    const { adminAddress } = await start();
    const answer = await raw(adminAddress, 'GET /livez HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello');
    expect(answer).toMatch(/^HTTP\/1\.1 413 /);
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });

  it('refuse headers without end', async () => {
    const { adminAddress } = await start();
    const answer = await raw(
      adminAddress,
      `GET /livez HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
  });

  it('give up on a request that does not end', async () => {
    const { adminAddress } = await start();
    expect(await raw(adminAddress, 'GET /livez HTTP/1.1\r\nHost: localhost\r\n')).toMatch(/^HTTP\/1\.1 408 /);
  }, 15_000);
});

describe('the admin server', () => {
  it.each(['localhost', 'LOCALHOST:1', '127.0.0.1:9192', '127.9.9.9', '[::1]:80'])(
    'answers to the host %s',
    async (host) => {
      const { adminAddress } = await start();
      expect(await ask(adminAddress, '/livez', { host })).toMatchObject({ status: 200 });
    },
  );

  it.each([
    'evil.example',
    'evil.example:9192',
    '10.0.0.1',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '127.evil',
    'a@localhost',
    '[::2]',
  ])('does not answer to the host %j, whose name may have been rebound to this machine', async (host) => {
    const { adminAddress } = await start();
    expect((await ask(adminAddress, '/metrics', { host })).status).toBe(421);
  });

  it.each(['Host: \r\n', ''])('does not answer to a request without a host (%j)', async (header) => {
    const { adminAddress } = await start();
    const answer = await raw(adminAddress, `GET /metrics HTTP/1.1\r\n${header}Connection: close\r\n\r\n`);
    expect(answer).toMatch(/^HTTP\/1\.1 4(?:00|21) /);
    expect(answer).not.toContain('x_total');
  });

  it('is not there without an address, as is the health server', async () => {
    const none = await start({ admin: null, health: null });
    expect(none).toMatchObject({ adminAddress: null, healthAddress: null });
  });
});

describe('the health server', () => {
  it('answers to any host: a kubelet asks for the address of the pod', async () => {
    const { healthAddress } = await start();
    expect(await ask(healthAddress, '/livez', { host: '10.1.2.3:9193' })).toMatchObject({ status: 200 });
  });
});

describe('starting and closing', () => {
  it('fails with the address when it is taken, and leaves nothing open', async () => {
    const { adminAddress } = await start();
    const failing = startAdmin({
      admin: '127.0.0.1:0',
      health: adminAddress,
      readiness: () => READY,
      metrics: { scrape: () => Promise.resolve({ ...CLASSIC, body: '' }) },
      onError: () => undefined,
    });
    await expect(failing).rejects.toThrow(`cannot listen on ${adminAddress}`);
  });

  it('lets an answer under way end', async () => {
    const { promise: scraping, resolve: started } = Promise.withResolvers<undefined>();
    const { promise: text, resolve: finish } = Promise.withResolvers<string>();
    const scrape = async (): Promise<{ contentType: string; body: string }> => {
      started(undefined);
      return { ...CLASSIC, body: await text };
    };
    const { adminAddress } = await start({ metrics: { scrape } });
    const reply = ask(adminAddress, '/metrics');
    await scraping;
    const closed = admin?.close();
    finish('late 1\n');
    await closed;
    expect(await reply).toMatchObject({ status: 200, body: 'late 1\n' });
  });

  it('has no metrics where nothing is counted', async () => {
    const { adminAddress } = await start({ metrics: null });
    expect(await ask(adminAddress, '/metrics')).toMatchObject({ status: 404 });
  });

  it('does not wait for a connection that says nothing', async () => {
    const { adminAddress } = await start();
    const silent = raw(adminAddress, '');
    const before = performance.now();
    await admin?.close();
    await silent;
    expect(performance.now() - before).toBeLessThan(3_000);
  });
});
