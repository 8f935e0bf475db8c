import { describe, expect, it } from '@jest/globals';
import { FLIGHT_DEFAULTS } from '../../../src/identity/flights.ts';
import { createGate } from '../../../src/identity/jwt/gate.ts';
import { TOKEN_CACHE_DEFAULTS, TokenCache } from '../../../src/identity/jwt/token-cache.ts';
import type { TokenCacheSettings } from '../../../src/identity/jwt/token-cache.ts';
import type { Gate } from '../../../src/identity/jwt/verify-token.ts';
import type { Authenticated, KeySet } from '../../../src/identity/proof.ts';
import type { JwtProvider } from '../../../src/policy/identity-model.ts';
import { NOW_MS, TestKeys, keySet, provider, signingKey, token } from './support/issuer.ts';

const ES = signingKey('ES256', 'es');
const OTHER = signingKey('ES256', 'es');
const BY = provider();

/** A cache whose clock a test moves, and which counts the signatures that it verifies. */
class Counted {
  nowMs = NOW_MS;
  signatures = 0;
  readonly cache: TokenCache;

  constructor(settings: Partial<TokenCacheSettings> = {}) {
    const all = { ...TOKEN_CACHE_DEFAULTS, ...settings };
    const inner = createGate(all);
    const gate: Gate = (source, work) =>
      inner(source, () => {
        this.signatures++;
        return work();
      });
    this.cache = new TokenCache(all, () => this.nowMs, gate);
  }

  async ask(text: string, keys: TestKeys, by: JwtProvider = BY): Promise<Authenticated> {
    return this.cache.verify(text, by, keys);
  }
}

const numbered = (index: number): string => token(ES, { payload: { jti: `t${index}` } });

describe('TokenCache', () => {
  it('verifies a token once, and answers at once from then on', async () => {
    const counted = new Counted();
    const keys = new TestKeys(ES);
    const text = token(ES);
    const first = counted.cache.verify(text, BY, keys);
    expect(first).toBeInstanceOf(Promise);
    const result = await first;
    expect(counted.cache.verify(text, BY, keys)).toBe(result);
    expect(counted.signatures).toBe(1);
  });

  it('verifies equal tokens that come at once once', async () => {
    const counted = new Counted();
    const keys = new TestKeys(ES);
    const text = token(ES);
    const results = await Promise.all(Array.from({ length: 50 }, () => counted.ask(text, keys)));
    expect(new Set(results).size).toBe(1);
    expect(counted.signatures).toBe(1);
  });

  it('says that it cannot tell when too many wait for one token', async () => {
    const counted = new Counted();
    const keys = new TestKeys(ES);
    const text = token(ES);
    const { maxJoined } = FLIGHT_DEFAULTS;
    const results = await Promise.all(Array.from({ length: 1 + maxJoined + 5 }, () => counted.ask(text, keys)));
    expect(results.filter(({ outcome }) => outcome === 'verified')).toHaveLength(1 + maxJoined);
    expect(results.slice(-5)).toEqual(Array(5).fill({ outcome: 'unavailable', provider: BY.id }));
    expect((await counted.ask(text, keys)).outcome).toBe('verified');
  });

  it('verifies again after the longest time that is configured', async () => {
    const counted = new Counted({ maxTtlMs: 1000 });
    const keys = new TestKeys(ES);
    const text = token(ES);
    await counted.ask(text, keys);
    counted.nowMs += 999;
    await counted.ask(text, keys);
    expect(counted.signatures).toBe(1);
    counted.nowMs += 1;
    await counted.ask(text, keys);
    expect(counted.signatures).toBe(2);
  });

  it('remembers a wrong signature briefly, so that a second try costs nothing', async () => {
    const counted = new Counted({ failureTtlMs: 100 });
    const keys = new TestKeys(ES);
    const forged = token(OTHER);
    for (let i = 0; i < 3; i++) expect((await counted.ask(forged, keys)).outcome).toBe('invalid');
    expect(counted.signatures).toBe(1);
    counted.nowMs += 100;
    await counted.ask(forged, keys);
    expect(counted.signatures).toBe(2);
    expect(counted.cache.size).toBe(0);
  });

  it('forgets refusals when the keys change', async () => {
    const counted = new Counted();
    const keys = new TestKeys(ES);
    const text = token(OTHER);
    expect((await counted.ask(text, keys)).outcome).toBe('invalid');
    keys.current = keySet(2, OTHER);
    expect((await counted.ask(text, keys)).outcome).toBe('verified');
  });

  it.each([
    ['by who asks after that', true],
    ['by who asked before', false],
  ])('does not take a key that is withdrawn while its signature is looked at: %s', async (_who, asksAgain) => {
    const counted = new Counted();
    const keys = new TestKeys(ES);
    const text = token(ES);
    const before = counted.ask(text, keys);
    keys.current = keys.next = keySet(2, OTHER);
    const during = asksAgain ? counted.ask(text, keys) : before;
    const outcomes = [await before, await during, await counted.ask(text, keys)].map(({ outcome }) => outcome);
    expect(outcomes).toEqual(['invalid', 'invalid', 'invalid']);
    expect(counted.cache.size).toBe(0);
  });

  it('takes a key that comes while a signature is looked at', async () => {
    const counted = new Counted();
    const keys = new TestKeys(ES);
    const text = token(OTHER);
    const before = counted.ask(text, keys);
    keys.current = keys.next = keySet(2, OTHER);
    expect((await before).outcome).toBe('verified');
  });

  it('cannot tell when keys change with each look', async () => {
    const counted = new Counted();
    const keys = new TestKeys();
    let version = 1;
    Object.defineProperty(keys, 'current', { get: () => keySet(version++, ES) });
    expect((await counted.ask(token(ES), keys)).outcome).toBe('unavailable');
    expect(counted.signatures).toBe(3);
    expect(counted.cache.size).toBe(0);
  });

  it('does not remember that it could not tell', async () => {
    const counted = new Counted();
    const keys = new TestKeys();
    const text = token(ES);
    expect((await counted.ask(text, keys)).outcome).toBe('unavailable');
    keys.next = keySet(1, ES);
    expect((await counted.ask(text, keys)).outcome).toBe('verified');
  });

  it('holds no more entries and bytes than configured', async () => {
    const keys = new TestKeys(ES);
    const few = new Counted({ maxEntries: 3 });
    for (let i = 0; i < 6; i++) await few.ask(numbered(i), keys);
    expect(few.cache.size).toBe(3);
    const small = new Counted({ maxBytes: 8_000 });
    for (let i = 0; i < 12; i++) await small.ask(numbered(i), keys);
    expect(small.cache.size).toBeGreaterThan(0);
    expect(small.cache.size).toBeLessThan(8);
  });

  it('keeps good tokens through a flood of bad ones', async () => {
    const keys = new TestKeys(ES);
    const counted = new Counted({ maxEntries: 2 });
    await counted.ask(token(ES), keys);
    for (let i = 0; i < 20; i++) await counted.ask(token(OTHER, { payload: { jti: String(i) } }), keys);
    const before = counted.signatures;
    await counted.ask(token(ES), keys);
    expect(counted.cache.size).toBeGreaterThan(0);
    // ECDSA signs anew each time: this is another token than the first.
    expect(counted.signatures).toBe(before + 1);
  });

  it('says that it cannot tell when too many new tokens wait, and tells again afterwards', async () => {
    const keys = new TestKeys(ES);
    const counted = new Counted({ maxRunning: 1, maxWaiting: 4 });
    const known = numbered(0);
    await counted.ask(known, keys);
    const outcomes = (await Promise.all([1, 2, 3, 4, 5].map((index) => counted.ask(numbered(index), keys)))).map(
      (each) => each.outcome,
    );
    expect(outcomes.filter((each) => each === 'verified')).toHaveLength(3);
    expect(outcomes.filter((each) => each === 'unavailable')).toHaveLength(2);
    expect(counted.cache.verify(known, BY, keys)).toMatchObject({ outcome: 'verified' });
    expect((await counted.ask(numbered(9), keys)).outcome).toBe('verified');
  });

  it.each([
    ['a provider without keys', new TestKeys(), 'ready'],
    ['a flood of unknown keys', new TestKeys(OTHER), 'refresh'],
  ] as const)('is not held up by %s', async (_what, stuck, verb) => {
    const counted = new Counted({ maxRunning: 1, maxWaiting: 1 });
    const waits: ((set: KeySet | null) => void)[] = [];
    stuck[verb] = () => new Promise((resolve) => waits.push(resolve));
    const text = token(ES, { header: { kid: 'unknown' } }).slice(0, -6);
    const flood = Array.from({ length: 1_001 }, (_, index) =>
      counted.ask(`${text}${String(index).padStart(5, 'A')}A`, stuck),
    );
    expect((await flood[1_000]!).outcome).toBe('unavailable');
    expect(waits).toHaveLength(1_000);
    // Of another provider, and of this one with a key that is there.
    expect((await counted.ask(token(ES), new TestKeys(ES))).outcome).toBe('verified');
    if (stuck.current !== null) {
      const known = { ...OTHER, kid: 'es' };
      expect((await counted.ask(token(known), stuck)).outcome).toBe('verified');
    }
    for (const give of waits) give(null);
    expect(new Set((await Promise.all(flood)).map(({ outcome }) => outcome))).toEqual(new Set(['unavailable']));
    const late = counted.ask(`${text}ZZZZZA`, stuck);
    waits[1_000]!(null);
    expect((await late).outcome).toBe('unavailable');
  });

  it('counts the bytes of many small objects, which take more than their text', async () => {
    const counted = new Counted({ maxBytes: 600_000 });
    const keys = new TestKeys(ES);
    await counted.ask(token(ES), keys);
    expect(counted.cache.bytes).toBeLessThan(4_000);
    const objects = token(ES, { payload: { list: Array.from({ length: 1_000 }, () => ({})) } });
    await counted.ask(objects, keys);
    expect(counted.cache.bytes).toBeGreaterThan(20 * objects.length);
    const many = token(ES, { payload: { list: Array.from({ length: 3_000 }, () => ({})) } });
    expect((await counted.ask(many, keys)).outcome).toBe('verified');
    expect(counted.cache.bytes).toBeLessThanOrEqual(600_000);
  });

  it('answers `unavailable` when the keys break', async () => {
    const counted = new Counted();
    const broken = new TestKeys(ES);
    broken.current = { version: 1, find: () => [{} as never] };
    expect((await counted.ask(token(ES), broken)).outcome).not.toBe('verified');
    broken.current = {
      version: 1,
      find: () => {
        throw new Error('broken');
      },
    };
    expect((await counted.ask(token(ES), broken)).outcome).toBe('unavailable');
    broken.current = null;
    broken.ready = () => Promise.reject(new Error('broken'));
    expect((await counted.ask(token(ES), broken)).outcome).toBe('unavailable');
  });
});

const SOURCE = new TestKeys();

describe('createGate', () => {
  it('runs no more than its number at once, in order, also after failures', async () => {
    const gate = createGate({ maxRunning: 2, maxWaiting: 12 });
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const work = async (index: number): Promise<void> => {
      most = Math.max(most, ++running);
      order.push(index);
      await Promise.resolve();
      running--;
      if (index % 2 === 0) throw new Error('failed');
    };
    const all = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => gate(SOURCE, () => work(index)) ?? Promise.reject(new Error('no room'))),
    );
    expect(all.filter(({ status }) => status === 'rejected')).toHaveLength(4);
    expect(most).toBe(2);
    expect(order).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    expect(await gate(SOURCE, () => Promise.resolve('free'))).toBe('free');
    const full = createGate({ maxRunning: 1, maxWaiting: 0 });
    const first = full(SOURCE, () => Promise.resolve());
    expect(full(SOURCE, () => Promise.resolve())).toBeNull();
    await first;
  });

  it('has room for others when one source has taken its half, and for that one again later', async () => {
    const gate = createGate({ maxRunning: 1, maxWaiting: 4 });
    const [flood, other] = [new TestKeys(), new TestKeys()];
    const order: string[] = [];
    const work = (name: string) => (): Promise<void> => {
      order.push(name);
      return Promise.resolve();
    };
    const taken = ['a', 'b', 'c', 'd'].map((name) => gate(flood, work(name)));
    expect(taken.map((each) => each === null)).toEqual([false, false, false, true]);
    const others = ['x', 'y', 'z'].map((name) => gate(other, work(name)));
    expect(others.map((each) => each === null)).toEqual([false, false, true]);
    await Promise.all([...taken, ...others].filter((each) => each !== null));
    expect(order).toEqual(['a', 'b', 'c', 'x', 'y']);
    const again = ['e', 'f', 'g', 'h'].map((name) => gate(flood, work(name)));
    expect(again.map((each) => each === null)).toEqual([false, false, false, true]);
    await Promise.all(again.filter((each) => each !== null));
  });
});
