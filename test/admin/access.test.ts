/** Who may ask the admin server: hosts, pages of other sites, tokens, certificates, and how often. */
import { request as httpsRequest } from 'node:https';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { Access } from '../../src/admin/access/access.ts';
import { RateLimit } from '../../src/admin/access/rate-limit.ts';
import { TokenFile, UnusableTokens } from '../../src/admin/access/tokens.ts';
import { HttpError } from '../../src/admin/route.ts';
import { compileAllowList } from '../../src/transport/tls/allow-list.ts';
import { createAuthority } from '../e2e/support/certificates.ts';
import type { Certificate } from '../e2e/support/certificates.ts';
import { access as accessPolicy, policiesYaml } from '../extauthz/support/yaml.ts';
import { ask } from './support/client.ts';
import { adminWorld } from './support/world.ts';
import type { AdminWorld, AdminWorldOptions } from './support/world.ts';

const POLICIES = policiesYaml([accessPolicy('ALLOW', { name: 'all' })]);
const TOKEN = '0123456789abcdef0123456789abcdef';
const OTHER = 'fedcba9876543210fedcba9876543210';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'portcullis-admin-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

let world: AdminWorld | null = null;
afterEach(async () => {
  await world?.close();
  world = null;
});

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}

async function start(
  admin: AdminWorldOptions['admin'] = {},
  config: AdminWorldOptions['config'] = {},
): Promise<string> {
  world = await adminWorld({ policies: POLICIES, admin, config });
  return world.address;
}

function withToken(token: string): { readonly headers: Readonly<Record<string, string>> } {
  return { headers: { authorization: `Bearer ${token}` } };
}

describe('a token', () => {
  it('is wanted for everything but the sign of life and the description', async () => {
    const address = await start({ tokenFile: file('token', `${TOKEN}\n`) });
    for (const path of ['/readyz', '/metrics', '/api/v1/status', '/api/v1/config', '/nothing']) {
      const { status, headers } = await ask(address, path);
      expect([path, status]).toEqual([path, 401]);
      expect(headers['www-authenticate']).toBe('Bearer realm="portcullis admin"');
      expect((await ask(address, path, withToken(OTHER))).status).toBe(401);
    }
    for (const path of ['/livez', '/api/v1/openapi.json']) expect((await ask(address, path)).status).toBe(200);
    for (const path of ['/readyz', '/metrics', '/api/v1/status'])
      expect((await ask(address, path, withToken(TOKEN))).status).toBe(200);
  });

  it('is wanted for what a POST does, before its body is read', async () => {
    const address = await start({ tokenFile: file('token', TOKEN) }, { actions: true });
    const { status } = await ask(address, '/api/v1/actions/reload', { method: 'POST', text: 'no json' });
    expect(status).toBe(401);
    expect(world!.reloads).toBe(0);
  });

  it('is counted when it is wrong, and refused unseen after too many', () => {
    let nowMs = 0;
    const wrong: string[] = [];
    const access = new Access(
      { has: (token) => token === TOKEN },
      (address) => wrong.push(address),
      () => nowMs,
    );
    const statusFor = (token: string | null, address = '10.0.0.1'): number => {
      try {
        access.admit(token === null ? undefined : `Bearer ${token}`, address, false);
        return 200;
      } catch (error) {
        return error instanceof HttpError ? error.status : 500;
      }
    };
    // A browser that has none yet does not guess.
    for (let i = 0; i < 30; i++) expect(statusFor(null)).toBe(401);
    for (let i = 0; i < 20; i++) expect(statusFor(`${OTHER}${i}`)).toBe(401);
    expect(statusFor(`${OTHER}20`)).toBe(429);
    // Nobody learns that a guess was good. Others are not disturbed.
    expect(statusFor(TOKEN)).toBe(429);
    expect(statusFor(TOKEN, '10.0.0.2')).toBe(200);
    expect(access.refused).toMatchObject({ unauthenticated: 50, tooManyFailures: 2 });
    expect(wrong).toEqual(Array.from({ length: 20 }, () => '10.0.0.1'));
    nowMs += 1000;
    expect(statusFor(TOKEN)).toBe(200);
  });

  it('changes with its file, and the last good ones stay when that is spoilt', () => {
    let nowMs = 0;
    const problems: string[] = [];
    const path = file('changing', `${TOKEN}\n`);
    const tokens = new TokenFile(
      path,
      (problem) => problems.push(problem),
      () => nowMs,
    );
    expect([tokens.has(TOKEN), tokens.has(OTHER)]).toEqual([true, false]);
    writeFileSync(path, `${TOKEN}\n${OTHER}\n`);
    nowMs += 2000;
    expect([tokens.has(TOKEN), tokens.has(OTHER)]).toEqual([true, true]);
    writeFileSync(path, OTHER);
    nowMs += 2000;
    expect([tokens.has(TOKEN), tokens.has(OTHER)]).toEqual([false, true]);
    writeFileSync(path, 'short');
    nowMs += 2000;
    expect(tokens.has(OTHER)).toBe(true);
    nowMs += 2000;
    expect(tokens.has(OTHER)).toBe(true);
    expect(problems).toEqual([expect.stringContaining('32 to 4096 printable characters')]);
    rmSync(path);
    nowMs += 2000;
    expect(tokens.has(OTHER)).toBe(true);
    expect(problems).toHaveLength(2);
  });

  it.each([
    ['an empty one', ''],
    ['a short one', 'secret'],
    ['one with blanks', `${TOKEN} ${TOKEN}`],
    ['seventeen', `${TOKEN}\n`.repeat(17)],
  ])('is not taken from a file with %s', async (_, text) => {
    await expect(start({ tokenFile: file('bad', text) })).rejects.toThrow(UnusableTokens);
  });

  it('is not taken from a file that is not there', async () => {
    await expect(start({ tokenFile: join(directory, 'nowhere') })).rejects.toThrow('cannot be read');
  });
});

describe('a rate', () => {
  it('lets so many through at once, and so many in a second after that', () => {
    let nowMs = 0;
    const rate = new RateLimit({ burst: 2, perSecond: 1 }, () => nowMs);
    expect([rate.take('a'), rate.take('a'), rate.take('a'), rate.take('b')]).toEqual([true, true, false, true]);
    nowMs += 500;
    expect(rate.has('a')).toBe(false);
    nowMs += 500;
    expect([rate.take('a'), rate.take('a')]).toEqual([true, false]);
    nowMs += 60_000;
    expect([rate.take('a'), rate.take('a'), rate.take('a')]).toEqual([true, true, false]);
  });

  it('remembers a bounded number of names', () => {
    const rate = new RateLimit({ burst: 1, perSecond: 1 }, () => 0);
    rate.take('first');
    for (let i = 0; i < 2000; i++) rate.take(`n${i}`);
    expect(rate.has('n1999')).toBe(false);
    expect(rate.has('first')).toBe(true);
  });

  it('bounds how often the API is asked, and probes not', () => {
    const access = new Access(null, undefined, () => 0);
    const refused = (api: boolean): unknown => {
      try {
        access.admit(undefined, '127.0.0.1', api);
        return null;
      } catch (error) {
        return error instanceof HttpError ? error.status : error;
      }
    };
    for (let i = 0; i < 200; i++) expect(refused(true)).toBeNull();
    expect(refused(true)).toBe(429);
    expect(refused(false)).toBeNull();
    expect(access.refused.tooMany).toBe(1);
  });
});

describe('a page of another site', () => {
  it.each<[string, Readonly<Record<string, string>>]>([
    ['by what the browser says', { 'sec-fetch-site': 'cross-site' }],
    ['of a neighbour', { 'sec-fetch-site': 'same-site' }],
    ['by its origin', { origin: 'http://evil.example' }],
    ['on another port', { origin: 'http://127.0.0.1:1' }],
    ['without an origin', { origin: 'null' }],
  ])('may neither read nor act: %s', async (_, headers) => {
    const address = await start({}, { actions: true });
    expect((await ask(address, '/api/v1/status', { headers })).status).toBe(403);
    const acted = await ask(address, '/api/v1/actions/reload', { method: 'POST', body: {}, headers });
    expect(acted.status).toBe(403);
    expect(acted.body).toContain('cross-site');
    expect(world!.reloads).toBe(0);
  });

  it('cannot act by a form, whose types are none of JSON', async () => {
    const address = await start({}, { actions: true });
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=a', '']) {
      const headers = { 'content-type': type };
      const { status } = await ask(address, '/api/v1/actions/reload', { method: 'POST', text: '{}', headers });
      expect(status).toBe(415);
    }
    expect(world!.reloads).toBe(0);
  });

  it('is told from the page of this server, and from programs', async () => {
    const address = await start({}, { actions: true });
    for (const headers of [
      { origin: `http://${address}`, 'sec-fetch-site': 'same-origin' },
      { 'sec-fetch-site': 'none' },
      {},
    ])
      expect((await ask(address, '/api/v1/actions/reload', { method: 'POST', body: {}, headers })).status).toBe(200);
    expect(world!.reloads).toBe(3);
  });

  it('that has its name rebound to this machine reads nothing', async () => {
    const address = await start();
    for (const path of ['/api/v1/status', '/api/v1/explain', '/metrics', '/livez'])
      expect((await ask(address, path, { headers: { host: 'evil.example' } })).status).toBe(421);
  });
});

describe('a body', () => {
  it('is bounded, whether it says its length or not', async () => {
    const address = await start({}, { actions: true });
    const text = JSON.stringify({ level: 'x'.repeat(5000) });
    const told = await ask(address, '/api/v1/actions/log-level', { method: 'POST', text });
    expect(told.status).toBe(413);
    const untold = await ask(address, '/api/v1/actions/log-level', {
      method: 'POST',
      text,
      headers: { 'transfer-encoding': 'chunked' },
    });
    expect(untold.status).toBe(413);
  });

  it('is bounded in depth', async () => {
    const address = await start();
    const deep = `{"attributes":${'['.repeat(100)}${']'.repeat(100)}}`;
    const { status, body } = await ask(address, '/api/v1/explain', { method: 'POST', text: deep });
    expect(status).toBe(400);
    expect(body).toContain('too-deep');
  });
});

describe('certificates', () => {
  let authority: ReturnType<typeof createAuthority>;
  let server: Certificate;
  beforeAll(() => {
    authority = createAuthority('admin');
    server = authority.issue({ dnsNames: ['localhost'] });
  });

  function tls(allowedClients: readonly string[], withClients = true) {
    return {
      certFile: file('cert.pem', server.certificate),
      keyFile: file('key.pem', server.key),
      clientCaFile: withClients ? file('ca.pem', authority.certificate) : null,
      mayAsk: compileAllowList(allowedClients),
    };
  }

  /** The status; null: there was no connection. */
  function askTls(address: string, client: Certificate | null, path = '/api/v1/status'): Promise<number | null> {
    const [host, port] = address.split(':');
    return new Promise((resolve) => {
      const request = httpsRequest(
        {
          host,
          port,
          path,
          agent: false,
          servername: 'localhost',
          ca: authority.certificate,
          ...(client === null ? {} : { cert: client.certificate, key: client.key }),
        },
        (response) => {
          response.resume();
          resolve(response.statusCode ?? null);
        },
      );
      request.on('error', () => resolve(null));
      request.end();
    });
  }

  it('are asked of clients, and those that are on the list may ask', async () => {
    const address = await start({ tls: tls(['spiffe://cluster.local/ns/ops/*']) });
    const ops = authority.issue({ uris: ['spiffe://cluster.local/ns/ops/sa/console'] });
    const shop = authority.issue({ uris: ['spiffe://cluster.local/ns/shop/sa/web'] });
    const stranger = createAuthority('other').issue({ uris: ['spiffe://cluster.local/ns/ops/sa/console'] });
    expect(await askTls(address, ops)).toBe(200);
    expect(await askTls(address, shop)).toBe(403);
    expect(await askTls(address, shop, '/livez')).toBe(403);
    expect(await askTls(address, stranger)).toBeNull();
    expect(await askTls(address, null)).toBeNull();
  });

  it('of the server alone leave who asks to the token', async () => {
    const address = await start({ tls: tls([], false), tokenFile: file('token', TOKEN) });
    expect(await askTls(address, null)).toBe(401);
    expect(await askTls(address, null, '/livez')).toBe(200);
  });

  it('that do not fit together are refused at the start', async () => {
    const other = authority.issue({ dnsNames: ['localhost'] });
    const settings = { ...tls([]), keyFile: file('other.pem', other.key) };
    await expect(start({ tls: settings })).rejects.toThrow('certificates of the admin server cannot be used');
  });
});
