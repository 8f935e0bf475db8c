/** Keys, opaque tokens and revocations that others tell of, over real connections. */
import { rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { IdentitySettings } from '../../src/identity/settings.ts';
import { waitUntil } from '../e2e/support/wait.ts';
import { FakeClock } from './net/fake-clock.ts';
import { json, startServer, testFiles } from './net/servers.ts';
import type { Handler, TestServer } from './net/servers.ts';
import {
  SETTINGS,
  World,
  apiKeys,
  bearer,
  carrying,
  createIssuer,
  identityProvider,
  jwt,
  opaque,
  requestAuthentication,
  rule,
} from './support/identity.ts';
import type { Issuer } from './support/identity.ts';

const files = testFiles();
const servers: TestServer[] = [];
let a: Issuer;

beforeAll(async () => {
  a = await createIssuer('https://a.example');
});
afterAll(async () => {
  World.closeAll();
  await Promise.all(servers.map((server) => server.close()));
  await files.remove();
});

async function serve(handler: Handler): Promise<{ readonly server: TestServer; readonly url: string }> {
  const server = await startServer(handler, { tls: null });
  servers.push(server);
  return { server, url: `http://127.0.0.1:${server.port}` };
}

/** Loopback without TLS is only ever asked where the settings say so. */
function asking(url: string, more: Partial<IdentitySettings> = {}): Partial<IdentitySettings> {
  const target = { url, allowHttp: true, allowLoopback: true, allowLinkLocal: false };
  const targets = [{ ...target, caFile: null, bearerTokenFile: null, proxy: null }];
  return { fetch: { ...SETTINGS.fetch, targets, unknownKeyCooldownSeconds: 0.001 }, ...more };
}

const down: Handler = (_request, response) => {
  response.statusCode = 500;
  response.end();
};

describe('keys from an address', () => {
  it('are waited for when there are none, kept through an outage and a reload, and replaced', async () => {
    const { server, url } = await serve((_request, response) => response.end(a.jwks));
    const groups = (): Parameters<World['authenticator']['use']>[0] => [
      requestAuthentication(rule(a, { keys: { from: 'uri', uri: `${url}/keys` } })),
    ];
    const world = new World(groups(), asking(url));
    const old = await a.token();
    expect(await world.verdict(carrying(bearer(old)))).toBe('verified rule:https://a.example ann');
    const before = world.authenticator.epoch;
    expect(world.authenticator.epoch).toBe(before);

    server.handler = down;
    world.groups = groups();
    world.authenticator.use(world.groups);
    expect(await world.verdict(carrying(bearer(await a.token({ sub: 'bob' }))))).toMatch(/^verified .* bob$/);
    expect(server.seen).toEqual(['GET /keys']);

    const next = await createIssuer('https://a.example', 'two');
    server.handler = (_request, response) => response.end(next.jwks);
    const { epoch } = world.authenticator;
    expect(await world.verdict(carrying(bearer(await next.token())))).toMatch(/^verified/);
    expect(world.authenticator.epoch).not.toBe(epoch);
    // Verified before, with a key that went away.
    expect(await world.verdict(carrying(bearer(old)))).toBe(
      'invalid invalid_token: the token is signed with an unknown key',
    );
    expect(world.authenticator.status().keys).toMatchObject([{ state: 'fresh', keys: 1, fetches: { failed: 0 } }]);
  });

  it('are not fetched from loopback or without TLS unless the settings say so', async () => {
    const { server, url } = await serve((_request, response) => response.end(a.jwks));
    const world = new World([requestAuthentication(rule(a, { keys: { from: 'uri', uri: url } }))]);
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('unavailable rule:https://a.example');
    expect(world.authenticator.status().keys).toMatchObject([{ state: 'none', lastError: 'the URL is not https' }]);
    expect(server.seen).toEqual([]);
  });

  it('are forgotten with the policies that named them', async () => {
    const { server, url } = await serve((_request, response) => response.end(a.jwks));
    const world = new World([requestAuthentication(rule(a, { keys: { from: 'uri', uri: url } }))], asking(url));
    await world.verdict(carrying(bearer(await a.token())));
    world.authenticator.use([]);
    expect(world.authenticator.status().keys).toEqual([]);
    expect(await world.verdict(carrying(bearer(await a.token())))).toMatch(/^unavailable/);
    expect(server.seen).toHaveLength(1);
  });
});

describe('opaque tokens', () => {
  async function introspecting(
    answer: Record<string, unknown>,
    settings: Partial<IdentitySettings> = {},
  ): Promise<{ readonly world: World; readonly server: TestServer }> {
    const { server, url } = await serve(json(answer));
    const secretFile = files.write('secret', 'hush');
    const client = { name: 'us', endpoints: [url], method: 'client_secret_post', clientId: 'p', secretFile } as const;
    const provider = opaque(`${url}/introspect`, { id: 'server' });
    const world = new World(
      [identityProvider(jwt(a)), identityProvider(provider)],
      asking(url, { clients: [client], ...settings }),
    );
    return { world, server };
  }

  it('are asked about once, with our secret, and taken away', async () => {
    const { world, server } = await introspecting({ active: true, sub: 'ann' });
    const first = await world.ask(carrying(bearer('opaque-1')));
    expect(first).toMatchObject({
      result: { outcome: 'verified', provider: 'server' },
      strip: { headers: ['authorization'] },
    });
    expect(world.ask(carrying(bearer('opaque-1')))).toEqual(first);
    expect(server.seen).toEqual(['POST /introspect']);
    expect(world.authenticator.status().introspection).toMatchObject([{ breaker: 'closed', requests: { active: 1 } }]);
  });

  it('are refused when the server does not know them, and 503 when it does not answer', async () => {
    const { world, server } = await introspecting({ active: false });
    expect(await world.verdict(carrying(bearer('opaque-1')))).toBe('invalid invalid_token: the token is not active');
    server.handler = down;
    expect(await world.verdict(carrying(bearer('opaque-2')))).toBe('unavailable server');
  });

  it('are all that the server is shown: no JWT of another issuer', async () => {
    const { world, server } = await introspecting({ active: true, sub: 'ann' });
    const stranger = await createIssuer('https://stranger.example');
    expect(await world.verdict(carrying(bearer(await stranger.token())))).toMatch(/^invalid/);
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('verified jwt:https://a.example ann');
    expect(server.seen).toEqual([]);
    const theirs = await createIssuer('https://opaque.example');
    expect(await world.verdict(carrying(bearer(await theirs.token())))).toBe('verified server ann');
    expect(server.seen).toEqual(['POST /introspect']);
  });

  it('are revoked by subject, though the server still takes them', async () => {
    const revoked = [{ iss: 'https://opaque.example', sub: 'ann', issuedBefore: 4e9 }];
    const file = files.write('opaque.json', JSON.stringify({ revoked }));
    const revocation = { ...SETTINGS.revocation, file };
    const { world } = await introspecting({ active: true, sub: 'ann', iat: 1 }, { revocation });
    await waitUntil('the list', () => world.authenticator.status().revocation?.state === 'fresh');
    expect(await world.verdict(carrying(bearer('opaque-1')))).toBe('invalid invalid_token: the proof is revoked');
  });
});

describe('the revocation list', () => {
  const list = (...revoked: readonly object[]): string => JSON.stringify({ revoked });
  const settle = async (world: World, state: string): Promise<void> => {
    await waitUntil(`a ${state} list`, () => world.authenticator.status().revocation?.state === state);
  };

  /** The next look, to its end. */
  async function look(clock: FakeClock): Promise<void> {
    clock.advance(11_001);
    await waitUntil('the look to end', () => clock.waiting.length > 0);
  }

  it('of a file ends a token that was verified before, and stays when the file goes', async () => {
    const file = files.write('revoked.json', list());
    const clock = new FakeClock();
    clock.advance(Date.now() - clock.nowMs());
    const groups = [requestAuthentication(rule(a)), identityProvider(apiKeys({ ci: 'key-1' }))];
    const world = new World(groups, { revocation: { ...SETTINGS.revocation, file } }, { clock });
    await settle(world, 'fresh');
    const attributes = carrying(bearer(await a.token({ jti: 'one' })));
    const key = carrying({ 'x-api-key': 'key-1' });
    expect(await world.verdict(attributes)).toMatch(/^verified/);
    expect(await world.verdict(key)).toMatch(/^verified/);
    const { epoch } = world.authenticator;

    const entries = [
      { iss: 'https://a.example', jti: 'one' },
      { iss: 'https://keys.example', sub: 'ci', issuedBefore: 1 },
    ];
    writeFileSync(file, list(...entries));
    await look(clock);
    expect(world.authenticator.epoch).not.toBe(epoch);
    expect(await world.verdict(attributes)).toBe('invalid invalid_token: the token is revoked');
    expect(await world.verdict(key)).toBe('invalid invalid_token: the proof is revoked');

    for (const spoil of [() => writeFileSync(file, '{"revoked": [{}]}'), () => rmSync(file)]) {
      spoil();
      await look(clock);
      expect(world.authenticator.status().revocation?.state).toBe('stale');
      expect(world.authenticator.status().revocation).toMatchObject({
        entries: 2,
        lastError: expect.any(String) as unknown,
      });
      expect(await world.verdict(attributes)).toBe('invalid invalid_token: the token is revoked');
    }
    writeFileSync(file, list());
    await look(clock);
    expect(world.authenticator.status().revocation?.state).toBe('fresh');
    expect(await world.verdict(attributes)).toMatch(/^verified/);
  });

  it('that was never read lets nobody in, unless it is not required', async () => {
    const file = '/nowhere/revoked.json';
    const clock = new FakeClock();
    const groups = [requestAuthentication(rule(a)), identityProvider(apiKeys({ ci: 'key-1' }))];
    const world = new World(groups, { revocation: { ...SETTINGS.revocation, file } }, { clock });
    await waitUntil('the first look', () => clock.waiting.length > 0);
    expect(world.authenticator.status().revocation).toEqual({
      state: 'none',
      entries: 0,
      lastSuccessMs: null,
      lastError: 'revocation list: ENOENT',
    });
    expect(await world.verdict(carrying({ 'x-api-key': 'key-1' }))).toMatch(/^unavailable keys:ci/);
    expect(await world.verdict(carrying({ 'x-api-key': 'key-2' }))).toMatch(/^invalid/);
    expect(await world.verdict(carrying({}))).toBe('none');
    const lenient = new World(groups, { revocation: { ...SETTINGS.revocation, file, required: false } });
    expect(await lenient.verdict(carrying({ 'x-api-key': 'key-1' }))).toMatch(/^verified/);
    expect(await lenient.verdict(carrying(bearer(await a.token())))).toMatch(/^verified/);
  });

  it('of an address is fetched again, and the last good one stays through an outage', async () => {
    const { server, url } = await serve((_request, response) =>
      response.end(list({ iss: 'https://a.example', jti: 'one' })),
    );
    const clock = new FakeClock();
    clock.advance(Date.now() - clock.nowMs());
    const settings = asking(url, { revocation: { ...SETTINGS.revocation, url: `${url}/revoked` } });
    const world = new World([requestAuthentication(rule(a))], settings, { clock });
    await settle(world, 'fresh');
    const attributes = carrying(bearer(await a.token({ jti: 'one' })));
    expect(await world.verdict(attributes)).toBe('invalid invalid_token: the token is revoked');
    server.handler = down;
    await look(clock);
    expect(world.authenticator.status().revocation?.state).toBe('stale');
    expect(await world.verdict(attributes)).toBe('invalid invalid_token: the token is revoked');
    server.handler = (_request, response) => response.end(list());
    await look(clock);
    expect(world.authenticator.status().revocation?.state).toBe('fresh');
    expect(await world.verdict(attributes)).toMatch(/^verified/);
    expect(server.seen).toEqual(Array(3).fill('GET /revoked'));
  });

  it('is not looked for when none is configured', () => {
    expect(new World([requestAuthentication(rule(a))]).authenticator.status().revocation).toBeNull();
  });
});

describe('an authenticator that was closed', () => {
  it('asks nobody any longer', async () => {
    const { server, url } = await serve((_request, response) => response.end(a.jwks));
    const clock = new FakeClock();
    const settings = asking(url, { revocation: { ...SETTINGS.revocation, url } });
    const world = new World([requestAuthentication(rule(a, { keys: { from: 'uri', uri: url } }))], settings, { clock });
    await waitUntil('both to have been asked', () => clock.waiting.length === 2);
    const before = server.seen.length;
    world.authenticator.close();
    expect(clock.waiting).toEqual([]);
    clock.advance(1_000_000);
    expect(await world.verdict(carrying(bearer(await a.token())))).toMatch(/^unavailable|^invalid/);
    expect(server.seen).toHaveLength(before);
  });
});
