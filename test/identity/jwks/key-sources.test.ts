import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { KeySources } from '../../../src/identity/jwks/key-sources.ts';
import type { KeySourceStatus } from '../../../src/identity/jwks/key-sources.ts';
import { DEFAULT_KEY_SOURCE_SETTINGS } from '../../../src/identity/jwks/key-source.ts';
import type { GuardedFetch } from '../../../src/identity/net/guarded-fetch.ts';
import type { JwtProvider } from '../../../src/policy/identity-model.ts';
import { FakeClock } from '../net/fake-clock.ts';
import { authority, json, localFetch, startServer, testFiles } from '../net/servers.ts';
import type { Handler, TestServer } from '../net/servers.ts';
import { P256, P256_OTHER, P384, jwtProvider, setOf } from './keys.ts';

const files = testFiles();
const caFile = files.write('ca.pem', authority.certificate);
const A = { ...P256, kid: 'a' };
const B = { ...P256_OTHER, kid: 'b' };
const { intervalMs, cooldownMs, retryMs, maxWaitMs } = DEFAULT_KEY_SOURCE_SETTINGS;

let server: TestServer;
let guarded: GuardedFetch;
let clock: FakeClock;
let sources: KeySources;
let log: [string, unknown][] = [];

beforeAll(async () => {
  server = await startServer(json({}));
});
beforeEach(() => {
  server.handler = keys(A);
  server.seen.length = 0;
  log = [];
  guarded = localFetch(caFile);
  clock = new FakeClock();
  // Half is no jitter at all.
  sources = new KeySources({ fetch: guarded.fetch, log: logger, clock, random: () => 0.5 });
});
afterEach(() => {
  sources.close();
  guarded.close();
});
afterAll(async () => {
  await server.close();
  await files.remove();
});

const logger = {
  warn: (fields: unknown, text?: string) => void log.push([text!, fields]),
  info: (fields: unknown, text?: string) => void log.push([text!, fields]),
};
const keys =
  (...list: readonly unknown[]): Handler =>
  (_request, response) =>
    response.end(setOf(...list));
const fails: Handler = (_request, response) => response.writeHead(503).end('secret body');

const byUri = (id = 'shop/a', path = '/keys'): JwtProvider => jwtProvider(id, { from: 'uri', uri: server.url + path });
const byDiscovery = (issuer: string): JwtProvider =>
  jwtProvider('shop/d', { from: 'discovery', uri: `${issuer}/.well-known/openid-configuration` }, issuer);
const status = (): KeySourceStatus => sources.status()[0]!;
const finds = (provider: JwtProvider, kid: string): number =>
  sources.of(provider).current?.find(kid, 'ES256').length ?? -1;

/** Until as many fetches have ended, however they did. */
async function fetched(count: number): Promise<void> {
  const deadline = Date.now() + 5000;
  const ended = (): number => {
    const { changed, unchanged, failed } = status().fetches;
    return changed + unchanged + failed;
  };
  while (ended() < count || clock.waiting.length === 0) {
    if (Date.now() > deadline) throw new Error(`${ended()} fetches ended`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

describe('keys of a URL', () => {
  test('are fetched at once, and from then on there without waiting', async () => {
    const provider = byUri();
    sources.use([provider]);
    const source = sources.of(provider);
    expect([source.current, status().state]).toEqual([null, 'none']);
    const first = await source.ready();
    expect(first?.find('a', 'ES256')).toHaveLength(1);
    expect(source.current).toBe(first);
    await expect(source.ready()).resolves.toBe(first);
    expect(server.seen).toEqual(['GET /keys']);
    expect(status()).toEqual({
      providers: ['shop/a'],
      state: 'fresh',
      keys: 1,
      unusedKeys: 0,
      lastSuccessMs: clock.nowMs(),
      lastError: null,
      fetches: { changed: 1, unchanged: 0, failed: 0 },
    });
  });

  test('are refreshed in the background, and are another set only when they are others', async () => {
    const provider = byUri();
    sources.use([provider]);
    await fetched(1);
    const { version } = sources.of(provider).current!;
    expect(clock.waiting).toEqual([intervalMs]);
    clock.advance(intervalMs);
    await fetched(2);
    expect(sources.of(provider).current!.version).toBe(version);
    server.handler = keys({ ...A, use: 'sig' }, { kty: 'oct', k: 'AAAA' });
    clock.advance(intervalMs);
    await fetched(3);
    expect(sources.of(provider).current!.version).toBe(version);
    expect(status()).toMatchObject({ unusedKeys: 1, fetches: { changed: 1, unchanged: 2, failed: 0 } });
    server.handler = keys(B);
    clock.advance(intervalMs);
    expect(finds(provider, 'a')).toBe(1);
    await fetched(4);
    expect([finds(provider, 'a'), finds(provider, 'b')]).toEqual([0, 1]);
    expect(sources.of(provider).current!.version).not.toBe(version);
    expect(status()).toMatchObject({ unusedKeys: 0, fetches: { changed: 2, unchanged: 2, failed: 0 } });
  });

  test.each([
    ['max-age=31536000, immutable', 0, 0.9],
    ['no-store', 1, 1.1],
  ])('are fetched at the configured interval, whatever the server says of it (%s)', async (value, random, factor) => {
    sources = new KeySources({ fetch: guarded.fetch, log: logger, clock, random: () => random });
    server.handler = (_request, response) => response.setHeader('cache-control', value).end(setOf(A));
    sources.use([byUri()]);
    await fetched(1);
    expect(clock.waiting).toEqual([intervalMs * factor]);
  });

  test('that the issuer has taken back are gone, also when none is left', async () => {
    const provider = byUri();
    sources.use([provider]);
    await fetched(1);
    server.handler = keys();
    clock.advance(intervalMs);
    await fetched(2);
    expect(finds(provider, 'a')).toBe(0);
  });
});

describe('an outage', () => {
  test('leaves the last good keys, says so once, and ends', async () => {
    const provider = byUri();
    sources.use([provider]);
    await fetched(1);
    const current = sources.of(provider).current;
    const lastSuccessMs = clock.nowMs();
    server.handler = fails;
    clock.advance(intervalMs);
    await fetched(2);
    for (let failures = 1; failures < 5; failures++) {
      expect(clock.waiting).toEqual([retryMs * 2 ** (failures - 1)]);
      clock.advance(clock.waiting[0]!);
      await fetched(2 + failures);
    }
    expect(sources.of(provider).current).toBe(current);
    expect(status()).toMatchObject({ state: 'stale', keys: 1, lastSuccessMs, lastError: 'answered 503' });
    expect(log).toEqual([['keys of a provider cannot be fetched', { provider: 'shop/a', error: 'answered 503' }]]);

    server.handler = keys(B);
    clock.advance(clock.waiting[0]!);
    await fetched(7);
    expect(status()).toMatchObject({ state: 'fresh', lastSuccessMs: clock.nowMs(), lastError: null });
    expect(finds(provider, 'b')).toBe(1);
    expect(clock.waiting).toEqual([intervalMs]);
    expect(log).toHaveLength(2);
  });

  test('is asked about at most at the interval, however long it lasts', async () => {
    server.handler = fails;
    sources.use([byUri()]);
    await fetched(1);
    for (let n = 2; n < 14; n++) {
      clock.advance(clock.waiting[0]!);
      await fetched(n);
    }
    expect(clock.waiting).toEqual([intervalMs]);
  });

  test('is a connection refused, a document that is none, an oversized one, a redirect', async () => {
    const provider = byUri();
    sources.use([provider]);
    await fetched(1);
    const bad: readonly [Handler, string][] = [
      [(request) => request.socket.destroy(), 'connection: ECONNRESET'],
      [(_request, response) => response.end('<html>'), 'no JSON: a value was expected at 0'],
      [(_request, response) => response.end('{"keys":7}'), 'no key set: `keys` is no list'],
      [(_request, response) => response.end(' '.repeat(2_000_000)), 'the body is longer than 1048576 bytes'],
      [
        (_request, response) => response.writeHead(302, { location: '/k' }).end(),
        'answered 302: redirects are not followed',
      ],
    ];
    for (const [i, [handler, lastError]] of bad.entries()) {
      server.handler = handler;
      clock.advance(clock.waiting[0]!);
      await fetched(i + 2);
      expect(status()).toMatchObject({ state: 'stale', keys: 1, lastError });
      expect(finds(provider, 'a')).toBe(1);
    }
  });

  test('before the first keys: who asks during a fetch waits for it, at most the configured time', async () => {
    const answers: (() => void)[] = [];
    server.handler = (_request, response) => void answers.push(() => response.end(setOf(A)));
    const provider = byUri();
    sources.use([provider]);
    const source = sources.of(provider);
    const late = source.ready();
    expect(clock.waiting).toEqual([maxWaitMs]);
    clock.advance(maxWaitMs);
    await expect(late).resolves.toBeNull();
    const inTime = source.ready();
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 2));
    answers[0]!();
    await expect(inTime).resolves.not.toBeNull();
    expect(server.seen).toHaveLength(1);
  });

  test('before the first keys: between fetches the answer is none, at once', async () => {
    server.handler = fails;
    const provider = byUri();
    sources.use([provider]);
    await expect(sources.of(provider).ready()).resolves.toBeNull();
    await fetched(1);
    await expect(sources.of(provider).ready()).resolves.toBeNull();
    expect(clock.waiting).toEqual([retryMs]);
    expect(server.seen).toHaveLength(1);
  });
});

describe('unknown-kid DoS', () => {
  test('a thousand unknown ids are one fetch a cool-down, and a new key is found by it', async () => {
    const provider = byUri();
    sources.use([provider]);
    await fetched(1);
    const source = sources.of(provider);
    server.handler = keys(A, B);
    const storm = await Promise.all(Array.from({ length: 1000 }, () => source.refresh()));
    expect(server.seen).toHaveLength(2);
    for (const set of storm) expect(set!.find('b', 'ES256')).toHaveLength(1);
    for (let i = 0; i < 1000; i++) await source.refresh();
    clock.advance(cooldownMs - 1);
    await source.refresh();
    expect(server.seen).toHaveLength(2);
    clock.advance(1);
    await source.refresh();
    expect(server.seen).toHaveLength(3);
  });

  test('in an outage too, and the keys that there are remain', async () => {
    const provider = byUri();
    sources.use([provider]);
    await fetched(1);
    server.handler = fails;
    const source = sources.of(provider);
    for (let i = 0; i < 100; i++) expect((await source.refresh())!.find('a', 'ES256')).toHaveLength(1);
    expect(server.seen).toHaveLength(2);
  });

  test('setting the clock back does not prolong the cool-down', async () => {
    const provider = byUri();
    sources.use([provider]);
    await fetched(1);
    await sources.of(provider).refresh();
    clock.jump(-3_600_000);
    clock.advance(cooldownMs);
    await sources.of(provider).refresh();
    expect(server.seen).toHaveLength(3);
  });

  test('nobody waits for a refresh longer than the configured time', async () => {
    const provider = byUri();
    sources.use([provider]);
    await fetched(1);
    server.handler = () => undefined;
    const waiting = sources.of(provider).refresh();
    expect(clock.waiting).toEqual([maxWaitMs]);
    clock.advance(maxWaitMs);
    expect((await waiting)!.find('a', 'ES256')).toHaveLength(1);
  });
});

describe('discovery', () => {
  const serve =
    (document: unknown): Handler =>
    (request, response) =>
      response.end(request.url === '/keys' ? setOf(A) : JSON.stringify(document));

  test('gives the keys of the issuer', async () => {
    const provider = byDiscovery(server.url);
    server.handler = serve({ issuer: server.url, jwks_uri: `${server.url}/keys` });
    sources.use([provider]);
    await fetched(1);
    expect(finds(provider, 'a')).toBe(1);
    expect(server.seen).toEqual(['GET /.well-known/openid-configuration', 'GET /keys']);
  });

  test.each([
    ['another issuer', { issuer: 'https://evil.test' }, 'the discovery document is of another issuer'],
    ['an issuer with a slash more', { issuer: '$/' }, 'the discovery document is of another issuer'],
    ['no issuer', {}, 'the discovery document is of another issuer'],
    ['no URL of keys', { issuer: '$', jwks_uri: 7 }, 'the discovery document has no `jwks_uri`'],
    ['keys by http', { issuer: '$', jwks_uri: 'http://issuer.test/keys' }, 'the URL is not https'],
    ['keys in a file', { issuer: '$', jwks_uri: 'file:///etc/passwd' }, 'the URL is not https'],
    [
      'keys at the metadata service',
      { issuer: '$', jwks_uri: 'https://169.254.169.254/keys' },
      "the host's address is a link-local or metadata address",
    ],
    ['a list', [], 'the discovery document is no object'],
  ])('JWKS SSRF, redirects, internal IPs: a document with %s gives no keys', async (_what, document, lastError) => {
    server.handler = serve(JSON.parse(JSON.stringify(document).replaceAll('$', server.url)));
    sources.use([byDiscovery(server.url)]);
    await fetched(1);
    expect(status()).toMatchObject({ state: 'none', keys: 0, lastError });
    expect(server.seen).toEqual(['GET /.well-known/openid-configuration']);
  });
});

describe('keys in the policy', () => {
  test('are there at once, and nothing is fetched', async () => {
    const provider = jwtProvider('shop/i', { from: 'inline', jwks: setOf({ ...P384, kid: 'ключ' }) });
    sources.use([provider]);
    const source = sources.of(provider);
    expect(source.current!.find(Buffer.from('ключ').toString('latin1'), 'ES384')).toHaveLength(1);
    await expect(source.ready()).resolves.toBe(source.current);
    await expect(source.refresh()).resolves.toBe(source.current);
    expect(status()).toMatchObject({ providers: ['shop/i'], state: 'fresh', keys: 1, lastSuccessMs: null });
    expect(clock.waiting).toEqual([]);
  });

  test('that are none give no keys', () => {
    const provider = jwtProvider('shop/i', { from: 'inline', jwks: '{"keys":' });
    sources.use([provider]);
    expect(sources.of(provider).current).toBeNull();
    expect(status()).toMatchObject({ state: 'none', lastError: 'no JSON: a value was expected at 8' });
  });
});

describe('a new set of policies', () => {
  test('keeps sources that it still names, starts new ones, and ends the others', async () => {
    const [kept, gone] = [byUri('shop/kept', '/kept'), byUri('shop/gone', '/gone')];
    sources.use([kept, gone]);
    await Promise.all([sources.of(kept).ready(), sources.of(gone).ready()]);
    const [keptSource, goneSource] = [sources.of(kept), sources.of(gone)];
    const added = byUri('shop/new', '/new');
    // Read anew, and equal.
    const keptAgain = byUri('shop/kept', '/kept');
    sources.use([keptAgain, added]);
    expect(sources.of(keptAgain)).toBe(keptSource);
    expect(sources.of(gone).current).toBeNull();
    await expect(sources.of(gone).ready()).resolves.toBeNull();
    await expect(sources.of(gone).refresh()).resolves.toBeNull();
    await sources.of(added).ready();
    expect([...server.seen].sort()).toEqual(['GET /gone', 'GET /kept', 'GET /new']);
    // Who decides by the old policies yet does so by the keys that there were; nothing is fetched for them.
    expect((await goneSource.refresh())!.find('a', 'ES256')).toHaveLength(1);
    clock.advance(intervalMs * 2);
    await fetched(2);
    expect(server.seen.filter((each) => each === 'GET /gone')).toHaveLength(1);
  });

  test('ends a fetch that runs for a source that is gone', async () => {
    server.handler = () => sources.use([]);
    const provider = byUri();
    sources.use([provider]);
    const source = sources.of(provider);
    await expect(source.ready()).resolves.toBeNull();
    expect(log).toEqual([]);
    expect(clock.waiting.filter((ms) => ms !== maxWaitMs)).toEqual([]);
  });

  test('same kid in two issuers, issuer confusion: keys of two origins never meet', async () => {
    server.handler = (request, response) =>
      response.end(setOf(request.url === '/one' ? { ...P256, kid: 'same' } : { ...P384, kid: 'same' }));
    const [one, two] = [byUri('shop/one', '/one'), byUri('shop/two', '/two')];
    sources.use([one, two]);
    await Promise.all([sources.of(one).ready(), sources.of(two).ready()]);
    expect([finds(one, 'same'), finds(two, 'same')]).toEqual([1, 0]);
    expect(sources.of(two).current!.find('same', 'ES384')).toHaveLength(1);
    // The same id of a provider whose keys are elsewhere now: not the keys of before.
    const moved = byUri('shop/one', '/two');
    sources.use([moved]);
    expect(finds(moved, 'same')).toBe(0);
  });

  test('same kid in two issuers, issuer confusion: one document is not shared by two issuers of discovery', async () => {
    server.handler = (request, response) =>
      response.end(
        request.url === '/keys' ? setOf(A) : JSON.stringify({ issuer: server.url, jwks_uri: `${server.url}/keys` }),
      );
    const good = byDiscovery(server.url);
    const bad = { ...byDiscovery(server.url), issuer: 'https://other.test' };
    sources.use([good, bad]);
    await Promise.all([sources.of(good).ready(), sources.of(bad).ready()]);
    expect([finds(good, 'a'), finds(bad, 'a')]).toEqual([1, -1]);
  });

  test('providers of one origin share what is fetched', async () => {
    const many = Array.from({ length: 50 }, (_, i) => byUri(`shop/${i}`));
    sources.use(many);
    await sources.of(many[49]!).ready();
    expect(server.seen).toEqual(['GET /keys']);
    expect(status().providers).toHaveLength(50);
  });
});
