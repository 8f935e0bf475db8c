/** Results of tokens: verified once, used until their end. */
import { LRUCache } from 'lru-cache';
import { createHash } from 'node:crypto';
import type { JwtProvider } from '../../policy/identity-model.ts';
import type { Authenticated, KeySource } from '../proof.ts';
import { weightOf } from '../claim-weight.ts';
import { Flights } from '../flights.ts';
import { KeyWaiters } from './key-waiters.ts';
import type { GateSettings } from './gate.ts';
import { MAX_TOKEN_LENGTH, parseJws } from './jws.ts';
import { readToken } from './token-reading.ts';
import { invalidToken, verifyToken } from './verify-token.ts';
import type { Gate, TokenVerdict } from './verify-token.ts';

export interface TokenCacheSettings extends GateSettings {
  readonly maxEntries: number;
  /** Of the heap that results take, about. */
  readonly maxBytes: number;
  /** A verified token is verified again after this long, however long it lives. */
  readonly maxTtlMs: number;
  /** A token that was refused after its signature was looked at is refused without another look for this long. */
  readonly failureTtlMs: number;
}

export const TOKEN_CACHE_DEFAULTS: TokenCacheSettings = {
  maxEntries: 20_000,
  maxBytes: 64 * 1024 * 1024,
  maxTtlMs: 5 * 60_000,
  failureTtlMs: 5_000,
  // Signatures are verified on libuv's pool, which has four threads.
  maxRunning: 4,
  // At a millisecond each, RSA's slowest on a small machine: nobody waits longer than a check may take.
  maxWaiting: 500,
};

/** Refusals are small and worth little: a flood of bad tokens pushes out other bad tokens and nothing else. */
const MAX_FAILURES = 2_048;

/** An entry without its claims and payload: map slots, key, result. Measured. */
const BYTES_PER_ENTRY = 512;

interface Entry {
  readonly result: Authenticated;
  readonly keysVersion: number | null;
  readonly fromMs: number;
  readonly untilMs: number;
  readonly weight: number;
}

export class TokenCache {
  readonly #settings: TokenCacheSettings;
  readonly #now: () => number;
  readonly #gate: Gate;
  readonly #verified: LRUCache<string, Entry>;
  readonly #refused = new LRUCache<string, Entry>({ max: MAX_FAILURES });
  readonly #flights = new Flights<Authenticated>();
  readonly #keyWaiters = new KeyWaiters();
  readonly #scopes = new WeakMap<JwtProvider, WeakMap<KeySource, string>>();
  readonly #sources = new WeakMap<KeySource, number>();
  #lastSource = 0;

  /** `now`: milliseconds since the epoch. `gate`: what signatures have to pass. */
  constructor(settings: TokenCacheSettings, now: () => number, gate: Gate) {
    this.#settings = settings;
    this.#now = now;
    this.#gate = gate;
    this.#verified = new LRUCache({
      max: settings.maxEntries,
      maxSize: settings.maxBytes,
      sizeCalculation: ({ weight }) => weight,
    });
  }

  /** Entries that are held, for metrics. */
  get size(): number {
    return this.#verified.size;
  }

  /** Of {@link TokenCacheSettings.maxBytes}. */
  get bytes(): number {
    return this.#verified.calculatedSize;
  }

  /** Whether the token is good for the provider. Synchronous when that is known; never throws, never rejects. */
  verify(token: string, provider: JwtProvider, keys: KeySource): Authenticated | Promise<Authenticated> {
    // Before it is hashed: a long one is refused for less than its hash costs.
    if (token.length > MAX_TOKEN_LENGTH) return invalidToken(parseJws(token) as string);
    const scope = this.#scopeOf(provider, keys);
    const key = scope + readToken(token).digest;
    const known = this.#known(key, keys);
    if (known !== null) return known;
    // Who asks under other keys waits for no look that began under the earlier ones.
    const flight = `${key}:${keys.current?.version ?? ''}`;
    const joined = this.#flights.join(flight) ?? this.#start(key, flight, token, provider, keys);
    return joined === 'full' ? { outcome: 'unavailable', provider: provider.id } : joined;
  }

  #known(key: string, keys: KeySource): Authenticated | null {
    const entry = this.#verified.get(key) ?? this.#refused.get(key);
    if (entry === undefined) return null;
    const nowMs = this.#now();
    // A clock that went back makes every answer of the future doubtful. NaN fails these comparisons as it should.
    if (nowMs >= entry.fromMs && nowMs < entry.untilMs && keys.current?.version === entry.keysVersion) {
      return entry.result;
    }
    this.#verified.delete(key);
    this.#refused.delete(key);
    return null;
  }

  #start(
    key: string,
    flightKey: string,
    token: string,
    provider: JwtProvider,
    keys: KeySource,
  ): Authenticated | Promise<Authenticated> {
    const verdict = verifyToken(token, provider, keys, {
      now: this.#now,
      gate: this.#gate,
      waitFor: (wait) => this.#keyWaiters.wait(keys, wait),
    });
    if (!(verdict instanceof Promise)) return verdict.result;
    const work = verdict.then((done) => {
      this.#keep(key, done);
      return done.result;
    });
    return this.#flights.start(flightKey, work);
  }

  #keep(key: string, { result, keysVersion }: TokenVerdict): void {
    const fromMs = this.#now();
    const entry = (untilMs: number): Entry => ({
      result,
      keysVersion,
      fromMs,
      untilMs,
      weight: weightOfResult(result),
    });
    if (result.outcome === 'verified') {
      const untilMs = Math.min(result.untilMs, fromMs + this.#settings.maxTtlMs);
      // Within the skew a token may be past its end: good for this request, and not kept.
      if (untilMs > fromMs) this.#verified.set(key, entry(untilMs));
    } else if (result.outcome === 'invalid') {
      this.#refused.set(key, entry(fromMs + this.#settings.failureTtlMs));
    }
  }

  /**
   * What a result depends on besides the token and the key set's version: every setting of the provider, so that a
   * reload that changes one forgets what was found under the old, and one that does not keeps it; and whose keys.
   * INVARIANT: a provider is plain data, without Maps, of which JSON says nothing.
   */
  #scopeOf(provider: JwtProvider, keys: KeySource): string {
    let bySource = this.#scopes.get(provider);
    if (bySource === undefined) this.#scopes.set(provider, (bySource = new WeakMap()));
    let scope = bySource.get(keys);
    if (scope === undefined) {
      let source = this.#sources.get(keys);
      if (source === undefined) this.#sources.set(keys, (source = ++this.#lastSource));
      const settings = createHash('sha256').update(JSON.stringify(provider)).digest('base64url');
      bySource.set(keys, (scope = `${source}:${settings}:`));
    }
    return scope;
  }
}

function weightOfResult(result: Authenticated): number {
  if (result.outcome !== 'verified') return BYTES_PER_ENTRY;
  // Strings of claims are slices that keep the text of the whole payload.
  return BYTES_PER_ENTRY + 2 * result.payload.length + weightOf(result.claims);
}
