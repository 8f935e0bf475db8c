import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { toByteString } from '../../../src/attributes/bytes.ts';
import { FLIGHT_DEFAULTS } from '../../../src/identity/flights.ts';
import type { IntrospectionClient } from '../../../src/identity/introspection/client.ts';
import { DEFAULT_INTROSPECTION_SETTINGS, Introspector } from '../../../src/identity/introspection/introspector.ts';
import type { GuardedFetch } from '../../../src/identity/net/guarded-fetch.ts';
import type { Authenticated, VerifiedProof } from '../../../src/identity/proof.ts';
import type { IntrospectionProvider } from '../../../src/policy/identity-model.ts';
import { FakeClock } from '../net/fake-clock.ts';
import { authority, localFetch, startServer, testFiles } from '../net/servers.ts';
import type { Handler, TestServer } from '../net/servers.ts';

const files = testFiles();
const caFile = files.write('ca.pem', authority.certificate);
const secretFile = files.write('secret', 'hunter2:%&=\n');
const tokenFile = files.write('token', 'client-token');
const { failures, openMs, inactiveMs } = DEFAULT_INTROSPECTION_SETTINGS;

let server: TestServer;
let guarded: GuardedFetch;
let clock: FakeClock;
let asker: Introspector;
let log: unknown[] = [];
let bodies: URLSearchParams[] = [];
let headers: Record<string, unknown> = {};
/** What the server says of each token; a token that is not here is not active. */
let active: ReadonlyMap<string, Readonly<Record<string, unknown>> | string> = new Map();

const serve: Handler = (request, response, body) => {
  const form = new URLSearchParams(body);
  bodies.push(form);
  headers = request.headers;
  const answer = active.get(form.get('token') ?? '') ?? { active: false };
  response.end(typeof answer === 'string' ? answer : JSON.stringify({ active: true, ...answer }));
};
const fails: Handler = (_request, response) => response.writeHead(503).end();
const says = (claims: Readonly<Record<string, unknown>>): void => void (active = new Map([['t', claims]]));

beforeAll(async () => {
  server = await startServer(serve);
});
beforeEach(() => {
  server.handler = serve;
  server.seen.length = 0;
  log = [];
  bodies = [];
  active = new Map();
  guarded = localFetch(caFile);
  clock = new FakeClock();
  asker = introspector();
});
afterEach(() => guarded.close());
afterAll(async () => {
  await server.close();
  await files.remove();
});

const record = (fields: unknown, text?: string): void => void log.push([text, fields]);

function introspector(settings: Partial<typeof DEFAULT_INTROSPECTION_SETTINGS> = {}): Introspector {
  const endpoints = [server.url];
  return new Introspector({
    fetch: guarded.fetch,
    clients: new Map<string, IntrospectionClient>([
      ['basic', { method: 'client_secret_basic', clientId: 'me:too', secretFile, endpoints }],
      ['post', { method: 'client_secret_post', clientId: 'me', secretFile, endpoints }],
      ['bearer', { method: 'bearer', tokenFile, endpoints }],
      ['elsewhere', { method: 'bearer', tokenFile, endpoints: [`${server.url}/other`, 'https://other.test'] }],
      ['lost', { method: 'bearer', tokenFile: '/nowhere/token', endpoints }],
    ]),
    log: { warn: record, info: record },
    settings: { ...DEFAULT_INTROSPECTION_SETTINGS, ...settings },
    clock,
  });
}

const provider = (changes: Partial<IntrospectionProvider> = {}): IntrospectionProvider => ({
  type: 'introspection',
  id: 'shop/opaque',
  endpoint: `${server.url}/introspect`,
  issuer: 'https://issuer.test',
  audiences: [],
  requiredScopes: [],
  client: 'basic',
  maxCacheSeconds: 60,
  spaceDelimitedClaims: [],
  locations: { headers: [], params: [], cookies: [] },
  forwardOriginal: false,
  ...changes,
});

const ask = async (changes: Partial<IntrospectionProvider> = {}, token = 't'): Promise<Authenticated> =>
  asker.introspect(provider(changes), token);
const claimsOf = async (changes: Partial<IntrospectionProvider> = {}): Promise<Record<string, unknown>> =>
  Object.fromEntries(((await ask(changes)) as VerifiedProof).claims);
const seconds = (): number => clock.nowMs() / 1000;

describe('a token that is active', () => {
  test('is verified, with what the server says of it as claims', async () => {
    says({
      sub: 'zoë',
      iss: 'https://issuer.test',
      scope: 'read  write',
      groups: ['a b'],
      n: 1,
      roles: 'x y',
      o: { k: [true] },
    });
    const result = (await ask({ spaceDelimitedClaims: ['roles'] })) as VerifiedProof;
    expect(result).toMatchObject({ outcome: 'verified', provider: 'shop/opaque', untilMs: clock.nowMs() + 60_000 });
    expect(Object.fromEntries(result.claims)).toEqual({
      sub: toByteString('zoë'),
      iss: 'https://issuer.test',
      scope: ['read', 'write'],
      groups: ['a b'],
      n: 1,
      roles: ['x', 'y'],
      o: new Map([['k', [true]]]),
    });
  });

  test('has the issuer of the provider when the server names none', async () => {
    says({ sub: 'a' });
    expect(await claimsOf()).toEqual({ sub: 'a', iss: 'https://issuer.test' });
  });

  test('is good until the sooner of its end and the bound of the cache', async () => {
    says({ exp: seconds() + 10 });
    expect(await ask()).toMatchObject({ untilMs: clock.nowMs() + 10_000 });
    says({ exp: seconds() + 1000 });
    expect(await ask({ id: 'shop/other' })).toMatchObject({ untilMs: clock.nowMs() + 60_000 });
    says({ exp: 1e300 });
    expect(await ask({ id: 'shop/third', maxCacheSeconds: 0 })).toMatchObject({ untilMs: clock.nowMs() });
  });
});

describe('missing iss/aud/exp checks: a token that is active is refused', () => {
  const api = { audiences: ['api', 'web'] };
  test.each<[string, (now: number) => Record<string, unknown>, Partial<IntrospectionProvider>, string]>([
    ['past its end', (now) => ({ exp: now }), {}, 'the token has expired'],
    ['long past its end', () => ({ exp: 0 }), {}, 'the token has expired'],
    ['before its time', (now) => ({ nbf: now + 61 }), {}, 'the token is not valid yet'],
    ['of another issuer', () => ({ iss: 'https://evil.test' }), {}, 'the token is of another issuer'],
    ['of an issuer with a slash more', () => ({ iss: 'https://issuer.test/' }), {}, 'the token is of another issuer'],
    ['for nobody', () => ({}), api, 'the token is for another audience'],
    ['for another', () => ({ aud: 'api2' }), api, 'the token is for another audience'],
    ['for others', () => ({ aud: ['ap', 'API'] }), api, 'the token is for another audience'],
    ['for an object', () => ({ aud: { api: true } }), api, 'the token is for another audience'],
    ['without a scope', () => ({}), { requiredScopes: ['read'] }, 'the token lacks a scope'],
    [
      'with one scope of two',
      () => ({ scope: 'read writer' }),
      { requiredScopes: ['read', 'write'] },
      'the token lacks a scope',
    ],
    ['bound to a certificate', () => ({ cnf: { 'x5t#S256': 'x' } }), {}, 'the token is bound to a key'],
    ['bound to a key', () => ({ token_type: 'DPoP' }), {}, 'the token is bound to a key'],
  ])('%s', async (_what, claims, changes, description) => {
    says(claims(seconds()));
    expect(await ask(changes)).toEqual({ outcome: 'invalid', error: 'invalid_token', description });
  });

  test.each<[string, (now: number) => Record<string, unknown>, Partial<IntrospectionProvider>]>([
    ['right before its end', (now) => ({ exp: now + 1 }), {}],
    ['a little before its time', (now) => ({ nbf: now + 60 }), {}],
    ['for one of the audiences', () => ({ aud: ['x', 'web'] }), api],
    ['for an audience, as text', () => ({ aud: 'api' }), api],
    ['with the scopes among others', () => ({ scope: 'a write b read' }), { requiredScopes: ['read', 'write'] }],
    ['of any issuer, where none is configured', () => ({ iss: 'https://any.test' }), { issuer: '' }],
    ['of type Bearer', () => ({ token_type: 'Bearer' }), {}],
  ])('but not %s', async (_what, claims, changes) => {
    says(claims(seconds()));
    expect(await ask(changes)).toMatchObject({ outcome: 'verified' });
  });
});

describe('duplicate JSON claims, and what else is no answer', () => {
  test.each([
    ['{"active":false,"active":true}', 'a member name twice'],
    ['{"active":true,"sub":"a","sub":"b"}', 'a member name twice'],
    ['{"active":true,"a":{"b":1,"\\u0062":2}}', 'a member name twice'],
    ['{"active":"true"}', '`active` is no boolean'],
    ['{"active":1}', '`active` is no boolean'],
    ['{"active":null}', '`active` is no boolean'],
    ['{"Active":true}', '`active` is no boolean'],
    ['{}', '`active` is no boolean'],
    ['[{"active":true}]', 'no object'],
    ['true', 'no object'],
    ['', 'a value was expected'],
    ['active=true', 'a value was expected'],
    ['{"active":true', '`}` was expected'],
    ['{"active":true,"exp":"9999999999"}', '`exp` is no number'],
    ['{"active":true,"exp":1e999}', 'a number too large'],
    ['{"active":true,"nbf":true}', '`nbf` is no number'],
    ['{"active":true,"iss":["https://issuer.test"]}', '`iss` is no string'],
    ['{"active":true,"sub":7}', '`sub` is no string'],
  ])('%s is unavailable, and not kept', async (answer, why) => {
    active = new Map([['t', answer]]);
    expect(await ask()).toEqual({ outcome: 'unavailable', provider: 'shop/opaque' });
    expect(asker.status()[0]!.lastError).toBe(`no introspection response: ${why}`);
    await ask();
    expect(server.seen).toHaveLength(2);
  });

  test('an answer that is deep is unavailable', async () => {
    active = new Map([['t', `{"active":true,"a":${'['.repeat(50_000)}`]]);
    expect(await ask()).toMatchObject({ outcome: 'unavailable' });
    expect(asker.status()[0]!.lastError).toBe('no introspection response: more than 32 levels');
  });

  test('an answer longer than 64 KiB is unavailable', async () => {
    says({ long: 'x'.repeat(70_000) });
    expect(await ask()).toMatchObject({ outcome: 'unavailable' });
    expect(asker.status()[0]!.lastError).toBe('the body is longer than 65536 bytes');
  });
});

describe('the request', () => {
  test('is a form with the token, and the client in the authorization header', async () => {
    await ask({}, 'a.b-c_d~e+f/g==');
    expect(server.seen).toEqual(['POST /introspect']);
    expect(Object.fromEntries(bodies[0]!)).toEqual({ token: 'a.b-c_d~e+f/g==', token_type_hint: 'access_token' });
    const pair = 'me%3Atoo:hunter2%3A%25%26%3D';
    expect(headers['authorization']).toBe(`Basic ${Buffer.from(pair).toString('base64')}`);
  });

  test('or in the form', async () => {
    await ask({ client: 'post' });
    expect(Object.fromEntries(bodies[0]!)).toMatchObject({ client_id: 'me', client_secret: 'hunter2:%&=' });
    expect(headers['authorization']).toBeUndefined();
  });

  test('or as a bearer token of its own', async () => {
    await ask({ client: 'bearer' });
    expect(headers['authorization']).toBe('Bearer client-token');
  });

  test.each([
    ['elsewhere', "the endpoint is none of the client's"],
    ['unknown', 'the client is not configured'],
    ['lost', 'token of the client: ENOENT'],
  ])('of client %s is not made: the secret goes only where the configuration says', async (client, lastError) => {
    says({ sub: 'a' });
    expect(await ask({ client })).toMatchObject({ outcome: 'unavailable' });
    expect(asker.status()[0]).toMatchObject({ client, lastError });
    expect(server.seen).toEqual([]);
  });

  test.each(['', ' ', 'a b', 'a\r\nb', 'a&b', 'ü', 'a=b', '"a"'])(
    'is not made for %j, which no server issued',
    async (token) => {
      expect(await ask({}, token)).toEqual({
        outcome: 'invalid',
        error: 'invalid_token',
        description: 'the token is malformed',
      });
      expect(server.seen).toEqual([]);
    },
  );

  test('is not made for more than 16 KiB', async () => {
    expect(await ask({}, 'x'.repeat(16_385))).toMatchObject({ outcome: 'invalid' });
    expect(server.seen).toEqual([]);
    await ask({}, 'x'.repeat(16_384));
    expect(server.seen).toHaveLength(1);
  });

  test('neither the token nor the secret is in what is logged and told', async () => {
    server.handler = fails;
    for (let i = 0; i < failures; i++) await ask({}, `very-secret-${i}`);
    const told = JSON.stringify([log, asker.status()]);
    expect(told).toContain('answered 503');
    expect(told).not.toMatch(/very-secret|hunter2/);
  });
});

describe('introspection cache confusion', () => {
  test('an answer is kept, and for nothing but the same question', async () => {
    says({ sub: 'a', aud: ['api', 'web'], scope: 'read write' });
    const first = await ask({ audiences: ['api'] });
    expect(await ask({ audiences: ['api'] })).toBe(first);
    expect(server.seen).toHaveLength(1);
    const others: Partial<IntrospectionProvider>[] = [
      { audiences: ['web'] },
      { audiences: ['api', 'web'] },
      { audiences: ['api'], requiredScopes: ['read'] },
      { audiences: ['api'], requiredScopes: ['read', 'write'] },
      { audiences: ['api'], requiredScopes: ['read write'] },
      { audiences: ['api'], id: 'shop/other' },
      { audiences: ['api'], issuer: 'https://other.test' },
      { audiences: ['api'], client: 'post' },
      { audiences: ['api'], endpoint: `${server.url}/second` },
      { audiences: ['api'], maxCacheSeconds: 61 },
      { audiences: ['api'], spaceDelimitedClaims: ['sub'] },
    ];
    for (const [i, changes] of others.entries()) {
      await ask(changes);
      expect(server.seen).toHaveLength(i + 2);
    }
    await ask({ audiences: ['api'] }, 'T');
    expect(server.seen).toHaveLength(others.length + 2);
  });

  test('an answer with a scope does not serve who asks for another', async () => {
    says({ sub: 'a', scope: 'read' });
    expect(await ask({ requiredScopes: ['read'] })).toMatchObject({ outcome: 'verified' });
    expect(await ask({ requiredScopes: ['write'] })).toMatchObject({ outcome: 'invalid' });
    expect(await ask({ requiredScopes: ['read'] })).toMatchObject({ outcome: 'verified' });
  });

  test('is over when the token ends, and when the clock is set', async () => {
    says({ exp: seconds() + 10 });
    await ask();
    clock.advance(9999);
    await ask();
    expect(server.seen).toHaveLength(1);
    clock.advance(1);
    expect(await ask()).toMatchObject({ outcome: 'invalid', description: 'the token has expired' });
    expect(server.seen).toHaveLength(2);

    says({ exp: seconds() + 10 });
    await ask({ id: 'shop/forward' });
    clock.jump(10_000);
    expect(await ask({ id: 'shop/forward' })).toMatchObject({ outcome: 'invalid' });

    says({ sub: 'a' });
    await ask({ id: 'shop/back' });
    clock.jump(-3_600_000);
    clock.advance(60_000);
    const before = server.seen.length;
    await ask({ id: 'shop/back' });
    expect(server.seen).toHaveLength(before + 1);
  });

  test('stale claims/session: a token that is revoked is so when the bound of the cache is over', async () => {
    says({ sub: 'a' });
    await ask({ maxCacheSeconds: 5 });
    active = new Map();
    clock.advance(4999);
    expect(await ask({ maxCacheSeconds: 5 })).toMatchObject({ outcome: 'verified' });
    clock.advance(1);
    expect(await ask({ maxCacheSeconds: 5 })).toMatchObject({
      outcome: 'invalid',
      description: 'the token is not active',
    });
  });

  test('nothing is kept with a bound of 0', async () => {
    says({ sub: 'a' });
    await ask({ maxCacheSeconds: 0 });
    await ask({ maxCacheSeconds: 0 });
    expect(server.seen).toHaveLength(2);
    active = new Map();
    expect(await ask({ maxCacheSeconds: 0 })).toMatchObject({ outcome: 'invalid' });
  });

  test('that a token is not active is kept briefly', async () => {
    await ask();
    clock.advance(inactiveMs - 1);
    expect(await ask()).toMatchObject({ outcome: 'invalid' });
    expect(server.seen).toHaveLength(1);
    says({ sub: 'a' });
    clock.advance(1);
    expect(await ask()).toMatchObject({ outcome: 'verified' });
  });

  test('is bounded in what many small objects take, which is more than their text', async () => {
    asker = introspector({ maxCacheBytes: 200_000 });
    says({ list: Array.from({ length: 1_000 }, () => ({})) });
    for (let i = 1; i <= 2; i++) {
      await ask();
      expect(server.seen).toHaveLength(i);
    }
  });

  test('is bounded in entries and in bytes', async () => {
    for (const settings of [{ maxEntries: 2 }, { maxCacheBytes: 25_000 }]) {
      asker = introspector(settings);
      active = new Map(['t', 'u', 'v'].map((token) => [token, { long: token.repeat(10_000) }]));
      for (const token of ['t', 'u', 'v']) await ask({}, token);
      const before = server.seen.length;
      await ask({}, 'v');
      expect(server.seen).toHaveLength(before);
      await ask({}, 't');
      expect(server.seen).toHaveLength(before + 1);
    }
  });
});

describe('a flood of bad tokens', () => {
  test('pushes no good one out', async () => {
    asker = introspector({ maxEntries: 2, maxCacheBytes: 10_000 });
    says({ name: 'a' });
    await ask();
    for (let i = 0; i < 20; i++) await ask({}, `bad${i}`);
    const before = server.seen.length;
    expect(await ask()).toMatchObject({ outcome: 'verified' });
    expect(await ask({}, 'bad0')).toMatchObject({ outcome: 'invalid' });
    expect(server.seen).toHaveLength(before);
  });
});

describe('one token asked for many times at once', () => {
  test('is one request, and each gets its answer', async () => {
    says({ sub: 'a' });
    const results = await Promise.all(Array.from({ length: 200 }, () => ask()));
    expect(server.seen).toHaveLength(1);
    for (const result of results) expect(result).toBe(results[0]);
    expect(asker.status()[0]!.requests).toEqual({ active: 1, inactive: 0, failed: 0, refused: 0 });
  });

  test('is one request also when it fails, and is asked again then', async () => {
    server.handler = fails;
    const results = await Promise.all(Array.from({ length: 200 }, () => ask()));
    expect(new Set(results.map(({ outcome }) => outcome))).toEqual(new Set(['unavailable']));
    expect(server.seen).toHaveLength(1);
    server.handler = serve;
    says({ sub: 'a' });
    expect(await ask()).toMatchObject({ outcome: 'verified' });
  });
});

describe('more that ask for one token at once than may wait', () => {
  test('are unavailable, and the others get their answer', async () => {
    says({ sub: 'a' });
    const { maxJoined } = FLIGHT_DEFAULTS;
    const results = await Promise.all(Array.from({ length: 1 + maxJoined + 5 }, () => ask()));
    expect(results.filter(({ outcome }) => outcome === 'verified')).toHaveLength(1 + maxJoined);
    expect(results.slice(-5)).toEqual(Array(5).fill({ outcome: 'unavailable', provider: 'shop/opaque' }));
    expect(server.seen).toHaveLength(1);
    expect(await ask()).toMatchObject({ outcome: 'verified' });
  });
});

describe('many tokens at once', () => {
  test('are requests up to a bound; the others are unavailable at once', async () => {
    asker = introspector({ maxConcurrent: 10 });
    const results = await Promise.all(Array.from({ length: 30 }, (_, i) => ask({}, `t${i}`)));
    expect(server.seen).toHaveLength(10);
    expect(results.filter(({ outcome }) => outcome === 'unavailable')).toHaveLength(20);
    expect(asker.status()[0]!.requests).toEqual({ active: 0, inactive: 10, failed: 0, refused: 20 });
    expect(await ask({}, 't29')).toMatchObject({ outcome: 'invalid' });
  });
});

describe('a server that is away', () => {
  const breaker = (): string => asker.status()[0]!.breaker;
  async function open(): Promise<void> {
    server.handler = fails;
    for (let i = 0; i < failures; i++) {
      expect(asker.status()[0]?.breaker).not.toBe('open');
      expect(await ask({}, `t${i}`)).toMatchObject({ outcome: 'unavailable' });
    }
    expect(breaker()).toBe('open');
    expect(server.seen).toHaveLength(failures);
  }

  test('is not asked for a while; then one request tries, and all go on when it is back', async () => {
    await open();
    expect(await ask()).toEqual({ outcome: 'unavailable', provider: 'shop/opaque' });
    clock.advance(openMs - 1);
    await ask();
    expect(server.seen).toHaveLength(failures);
    clock.advance(1);
    expect(breaker()).toBe('half-open');
    server.handler = serve;
    says({ sub: 'a' });
    const tries = await Promise.all([ask(), ask({}, 'u'), ask({}, 'v')]);
    expect(tries.map(({ outcome }) => outcome)).toEqual(['verified', 'unavailable', 'unavailable']);
    expect(server.seen).toHaveLength(failures + 1);
    expect(breaker()).toBe('closed');
    expect(asker.status()[0]!.lastError).toBeNull();
    expect(await ask({}, 'u')).toMatchObject({ outcome: 'invalid' });
    expect(log).toEqual([
      ['introspection does not work', { endpoint: `${server.url}/introspect`, error: 'answered 503' }],
      ['introspection works again', { endpoint: `${server.url}/introspect` }],
    ]);
  });

  test('is left alone again when the one that tries fails', async () => {
    await open();
    clock.advance(openMs);
    await ask();
    expect(server.seen).toHaveLength(failures + 1);
    expect(breaker()).toBe('open');
    await ask();
    expect(server.seen).toHaveLength(failures + 1);
    expect(log).toHaveLength(1);
  });

  test('does not take back what it said before, until that is over', async () => {
    says({ sub: 'a' });
    await ask();
    server.seen.length = 0;
    await open();
    expect(await ask()).toMatchObject({ outcome: 'verified' });
    clock.advance(60_000);
    expect(await ask()).toMatchObject({ outcome: 'unavailable' });
  });

  test('does not close the way to another', async () => {
    await open();
    server.handler = serve;
    says({ sub: 'a' });
    expect(await ask({ endpoint: `${server.url}/second` })).toMatchObject({ outcome: 'verified' });
  });

  test.each<[string, Handler]>([
    ['401', (_request, response) => response.writeHead(401).end()],
    ['429', (_request, response) => response.writeHead(429).end()],
    ['a redirect', (_request, response) => response.writeHead(302, { location: '/' }).end()],
    ['a closed connection', (request) => request.socket.destroy()],
  ])('is one that answers %s too', async (_what, handler) => {
    server.handler = handler;
    for (let i = 0; i < failures; i++) await ask({}, `t${i}`);
    expect(breaker()).toBe('open');
  });

  test.each<[string, Handler]>([
    ['400', (_request, response) => response.writeHead(400).end()],
    ['a malformed body', (_request, response) => response.end('{')],
    ['a body that is too long', (_request, response) => response.end('x'.repeat(70_000))],
  ])('is not one that answers some token with %s: nobody can stop others by it', async (_what, handler) => {
    server.handler = handler;
    for (let i = 0; i < failures * 2; i++) expect(await ask({}, `t${i}`)).toMatchObject({ outcome: 'unavailable' });
    expect(breaker()).toBe('closed');
    expect(server.seen).toHaveLength(failures * 2);
  });
});
