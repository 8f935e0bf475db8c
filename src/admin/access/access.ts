/** Who may ask: whoever has the token, where one is wanted, and not more often than makes sense. */
import { HttpError } from '../route.ts';
import { RateLimit } from './rate-limit.ts';
import type { Tokens } from './tokens.ts';

/** Requests that were refused since the start. */
export type RefusedRequests = Record<
  'unauthenticated' | 'tooManyFailures' | 'tooMany' | 'crossSite' | 'wrongHost',
  number
>;

/** A person who mistypes does not get there; whoever guesses gets one a second. */
const FAILURES = { burst: 20, perSecond: 1 } as const;
/** Several open consoles that poll each second, and a script beside them. */
const REQUESTS = { burst: 200, perSecond: 100 } as const;

export class Access {
  readonly #tokens: Tokens | null;
  readonly #onWrongToken: (address: string) => void;
  readonly #failures: RateLimit;
  readonly #requests: RateLimit;
  readonly refused: RefusedRequests = {
    unauthenticated: 0,
    tooManyFailures: 0,
    tooMany: 0,
    crossSite: 0,
    wrongHost: 0,
  };

  /** `tokens`: null when nobody has to show one. `onWrongToken`: for each that is looked at. */
  constructor(
    tokens: Tokens | null,
    onWrongToken: (address: string) => void = () => undefined,
    now: () => number = () => performance.now(),
  ) {
    this.#tokens = tokens;
    this.#onWrongToken = onWrongToken;
    this.#failures = new RateLimit(FAILURES, now);
    this.#requests = new RateLimit(REQUESTS, now);
  }

  get wantsToken(): boolean {
    return this.#tokens !== null;
  }

  count(why: keyof RefusedRequests): void {
    this.refused[why] += 1;
  }

  /**
   * `api`: it costs more than a probe.
   *
   * @throws {@link HttpError} 401 or 429
   */
  admit(authorization: string | undefined, address: string, api: boolean): void {
    this.#authenticate(authorization, address);
    if (api && !this.#requests.take('')) {
      this.count('tooMany');
      throw new HttpError(429, 'too-many-requests', 'too many requests came lately', { 'retry-after': '1' });
    }
  }

  #authenticate(authorization: string | undefined, address: string): void {
    if (this.#tokens === null) return;
    // Who guesses learns nothing more from here on, not even that a guess was good.
    if (!this.#failures.has(address)) {
      this.count('tooManyFailures');
      throw new HttpError(429, 'too-many-failures', 'too many wrong tokens came from there', { 'retry-after': '1' });
    }
    const shown = /^Bearer +([\x21-\x7e]+)$/i.exec(authorization ?? '')?.[1];
    if (shown !== undefined && this.#tokens.has(shown)) return;
    this.count('unauthenticated');
    // A browser that has no token yet does not guess.
    if (shown !== undefined) {
      this.#failures.take(address);
      this.#onWrongToken(address);
    }
    throw new HttpError(401, 'unauthenticated', 'a token is wanted: `Authorization: Bearer TOKEN`', {
      'www-authenticate': `Bearer realm="portcullis admin"${shown === undefined ? '' : ', error="invalid_token"'}`,
    });
  }
}
