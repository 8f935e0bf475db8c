/** Opaque tokens, by asking the server that made them (RFC 7662); what it said is kept for a while. */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { IntrospectionProvider } from '../../policy/identity-model.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { weightOf } from '../claim-weight.ts';
import { Flights } from '../flights.ts';
import { SYSTEM_CLOCK } from '../net/clock.ts';
import type { Clock } from '../net/clock.ts';
import { FetchError } from '../net/fetch-error.ts';
import type { Fetch } from '../net/guarded-fetch.ts';
import type { Authenticated } from '../proof.ts';
import { readAnswer } from './answer.ts';
import { Breaker } from './breaker.ts';
import type { BreakerSettings, BreakerState } from './breaker.ts';
import { askServer } from './client.ts';
import type { IntrospectionClient } from './client.ts';

/** As for tokens that are verified here; opaque ones are far shorter. */
const MAX_TOKEN_LENGTH = 16 * 1024;
/** `b64token` (RFC 6750 §2.1). What is none was never issued, and the server need not be asked. */
const B64TOKEN = /^[A-Za-z0-9\-._~+/]+=*$/;

const ENTRY_OVERHEAD_BYTES = 500;
/** Refusals are kept apart, so that a flood of bad tokens pushes out other bad tokens and nothing else. */
const MAX_REFUSED = 2048;
/** Servers remembered: policies name a few. */
const MAX_SERVERS = 256;

export interface IntrospectionSettings extends BreakerSettings {
  readonly maxEntries: number;
  /** Estimated, of all that is kept. */
  readonly maxCacheBytes: number;
  /** How long it is kept that a token is not good, in milliseconds: a new token of the same text is not awaited. */
  readonly inactiveMs: number;
  /** Requests to one server at a time; more tokens are `unavailable`. */
  readonly maxConcurrent: number;
}

/** Five failures in a row are an outage; 10 s is how long people wait before they call somebody. */
export const DEFAULT_INTROSPECTION_SETTINGS: IntrospectionSettings = Object.freeze({
  failures: 5,
  openMs: 10_000,
  maxEntries: 50_000,
  maxCacheBytes: 64 * 1024 * 1024,
  inactiveMs: 5000,
  maxConcurrent: 128,
});

export interface IntrospectorOptions {
  readonly fetch: Fetch;
  /** By name, of the configuration. */
  readonly clients: ReadonlyMap<string, IntrospectionClient>;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly settings?: IntrospectionSettings;
  readonly clock?: Clock;
}

export interface IntrospectionStatus {
  readonly endpoint: string;
  readonly client: string;
  readonly breaker: BreakerState;
  readonly lastError: string | null;
  /** Requests to the server by how they ended; `refused` were not made. */
  readonly requests: { active: number; inactive: number; failed: number; refused: number };
}

interface Kept {
  readonly result: Authenticated;
  /** Wall clock and monotonic: whichever comes first, so that a clock set back prolongs nothing. */
  readonly untilMs: number;
  readonly untilMonotonicMs: number;
}

interface Server {
  readonly breaker: Breaker;
  readonly endpoint: string;
  readonly client: string;
  readonly requests: IntrospectionStatus['requests'];
  underWay: number;
  lastError: string | null;
}

export class Introspector {
  readonly #options: Required<IntrospectorOptions>;
  readonly #verified: LRUCache<string, Kept>;
  readonly #refused = new LRUCache<string, Kept>({ max: MAX_REFUSED });
  readonly #underWay = new Flights<Authenticated>();
  readonly #servers = new LRUCache<string, Server>({ max: MAX_SERVERS });

  constructor({ settings = DEFAULT_INTROSPECTION_SETTINGS, clock = SYSTEM_CLOCK, ...others }: IntrospectorOptions) {
    this.#options = { settings, clock, ...others };
    this.#verified = new LRUCache({ max: settings.maxEntries, maxSize: settings.maxCacheBytes });
  }

  /** Never rejects. At once when the answer is known; one request for all that ask for one token at a time. */
  introspect(provider: IntrospectionProvider, token: string): Authenticated | Promise<Authenticated> {
    if (token.length > MAX_TOKEN_LENGTH || !B64TOKEN.test(token))
      return { outcome: 'invalid', error: 'invalid_token', description: 'the token is malformed' };
    const key = keyOf(provider, token);
    const kept = this.#verified.get(key) ?? this.#refused.get(key);
    if (kept !== undefined && this.#isFresh(kept)) return kept.result;
    const underWay = this.#underWay.join(key);
    if (underWay === 'full') return { outcome: 'unavailable', provider: provider.id };
    if (underWay !== null) return underWay;
    const server = this.#serverOf(provider);
    if (server.underWay >= this.#options.settings.maxConcurrent || !server.breaker.admit()) {
      server.requests.refused += 1;
      return { outcome: 'unavailable', provider: provider.id };
    }
    return this.#underWay.start(key, this.#ask(key, provider, token, server));
  }

  status(): readonly IntrospectionStatus[] {
    return [...this.#servers.values()].map(({ endpoint, client, breaker, lastError, requests }) => ({
      endpoint,
      client,
      breaker: breaker.state,
      lastError,
      requests: { ...requests },
    }));
  }

  #isFresh({ untilMs, untilMonotonicMs }: Kept): boolean {
    const { clock } = this.#options;
    return clock.nowMs() < untilMs && clock.monotonicMs() < untilMonotonicMs;
  }

  async #ask(key: string, provider: IntrospectionProvider, token: string, server: Server): Promise<Authenticated> {
    const { fetch, clients } = this.#options;
    server.underWay += 1;
    try {
      const client = clients.get(provider.client);
      if (client === undefined) throw new FetchError('file', 'the client is not configured');
      const text = await askServer(fetch, provider, client, token);
      const result = this.#resultOf(key, provider, text, server);
      this.#answered(server, null);
      return result;
    } catch (error) {
      server.requests.failed += 1;
      if (isOutage(error)) this.#failed(server, messageOf(error));
      else this.#answered(server, messageOf(error));
      return { outcome: 'unavailable', provider: provider.id };
    } finally {
      server.underWay -= 1;
    }
  }

  #resultOf(key: string, provider: IntrospectionProvider, text: string, { requests }: Server): Authenticated {
    const { clock, settings } = this.#options;
    const nowMs = clock.nowMs();
    const answer = readAnswer(text, provider, nowMs);
    const maxMs = provider.maxCacheSeconds * 1000;
    if (!answer.active) {
      requests.inactive += 1;
      const result: Authenticated = { outcome: 'invalid', error: 'invalid_token', description: answer.why };
      this.#keep(key, result, nowMs + Math.min(settings.inactiveMs, maxMs), 0);
      return result;
    }
    requests.active += 1;
    const untilMs = Math.min(nowMs + maxMs, answer.expMs ?? Infinity);
    const result: Authenticated = {
      outcome: 'verified',
      provider: provider.id,
      claims: answer.claims,
      untilMs,
      payload: '',
    };
    this.#keep(key, result, untilMs, text.length);
    return result;
  }

  #keep(key: string, result: Authenticated, untilMs: number, textLength: number): void {
    const { clock } = this.#options;
    const forMs = untilMs - clock.nowMs();
    // What was kept before is over, or it would not have been asked again.
    this.#verified.delete(key);
    this.#refused.delete(key);
    if (forMs <= 0) return;
    const entry = { result, untilMs, untilMonotonicMs: clock.monotonicMs() + forMs };
    if (result.outcome !== 'verified') this.#refused.set(key, entry);
    else {
      // Strings of claims are slices that keep the whole text.
      const size = ENTRY_OVERHEAD_BYTES + textLength + weightOf(result.claims);
      this.#verified.set(key, entry, { size });
    }
  }

  #answered(server: Server, error: string | null): void {
    const wasOpen = server.breaker.state !== 'closed';
    server.breaker.answered();
    server.lastError = error;
    if (wasOpen) this.#options.log.info({ endpoint: server.endpoint }, 'introspection works again');
  }

  #failed(server: Server, error: string): void {
    const { state: before } = server.breaker;
    server.breaker.failed();
    server.lastError = error;
    if (before === 'closed' && server.breaker.state === 'open')
      this.#options.log.warn({ endpoint: server.endpoint, error }, 'introspection does not work');
  }

  #serverOf({ endpoint, client }: IntrospectionProvider): Server {
    const key = JSON.stringify([endpoint, client]);
    let server = this.#servers.get(key);
    if (server === undefined) {
      const { settings, clock } = this.#options;
      const requests = { active: 0, inactive: 0, failed: 0, refused: 0 };
      server = { breaker: new Breaker(settings, clock), endpoint, client, requests, underWay: 0, lastError: null };
      this.#servers.set(key, server);
    }
    return server;
  }
}

/**
 * The server does not answer, or not us. What it makes of one token (a 400, a response too long or malformed) is no
 * outage: who sends such a token must not be able to stop all others.
 */
function isOutage(error: unknown): boolean {
  if (!(error instanceof FetchError)) return true;
  const { failure, status } = error;
  if (failure === 'status') return status === null || status >= 500 || [401, 403, 408, 429].includes(status);
  return failure !== 'size' && failure !== 'document';
}

function messageOf(error: unknown): string {
  return error instanceof FetchError ? error.message : 'internal error';
}

/** Everything of a provider that an answer depends on. */
const settingsTexts = new WeakMap<IntrospectionProvider, string>();

/**
 * SHA-256 of what is asked, of whom and with which demands: an answer for another provider, audience or scope is another
 * answer. The token is no part of it that could be read back.
 */
function keyOf(provider: IntrospectionProvider, token: string): string {
  let text = settingsTexts.get(provider);
  if (text === undefined) {
    const { id, endpoint, issuer, client, audiences, requiredScopes, maxCacheSeconds, spaceDelimitedClaims } = provider;
    text = JSON.stringify([
      [id, endpoint, issuer, client, maxCacheSeconds],
      audiences,
      requiredScopes,
      spaceDelimitedClaims,
    ]);
    settingsTexts.set(provider, text);
  }
  // JSON has no line break of its own, so where the token begins is certain.
  return hash('sha256', `${text}\n${token}`, 'base64');
}
