/** Who a request proves to be by what it carries: tokens and keys, of all providers that its workload takes them from. */
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { ApiKeyProvider, Authentication, JwtProvider, Provider } from '../policy/identity-model.ts';
import type { Logger } from '../telemetry/logger.ts';
import { ApiKeys } from './api-key/api-key.ts';
import { combine } from './combine.ts';
import { ISTIO_NONE, askIstio } from './combine-istio.ts';
import type { IstioOutcome } from './combine-istio.ts';
import { STRICT_NONE, askStrict } from './combine-strict.ts';
import type { StrictOutcome } from './combine-strict.ts';
import { DEFAULT_INTROSPECTION_SETTINGS, Introspector } from './introspection/introspector.ts';
import type { IntrospectionStatus } from './introspection/introspector.ts';
import { DEFAULT_KEY_SOURCE_SETTINGS } from './jwks/key-source.ts';
import { KeySources } from './jwks/key-sources.ts';
import type { KeySourceStatus } from './jwks/key-sources.ts';
import { JwtVerifier } from './jwt/jwt-verifier.ts';
import type { Possession } from './jwt/possession.ts';
import { TOKEN_CACHE_DEFAULTS } from './jwt/token-cache.ts';
import { USED_PROOFS_DEFAULTS, UsedProofs } from './jwt/used-proofs.ts';
import type { ProofMemory } from './jwt/used-proofs.ts';
import { invalidToken } from './jwt/verify-token.ts';
import { andThen } from './maybe-promise.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { SYSTEM_CLOCK } from './net/clock.ts';
import type { Clock } from './net/clock.ts';
import { DEFAULT_FETCH_SETTINGS, settingsByUrl } from './net/fetch-settings.ts';
import { GuardedFetch } from './net/guarded-fetch.ts';
import { outputHeaders } from './output-headers.ts';
import type { HeaderPair } from './output-headers.ts';
import { planOf } from './plan.ts';
import type { Plan, ProofPlaces } from './plan.ts';
import type { Authenticated, KeySource } from './proof.ts';
import { RevocationSource } from './revocation/source.ts';
import type { RevocationStatus } from './revocation/source.ts';
import type { IdentitySettings } from './settings.ts';
import { STRIP_NOTHING, stripOf } from './strip.ts';
import type { Strip } from './strip.ts';

export interface IdentityOutcome {
  readonly result: Authenticated;
  /** Taken out of the request before it goes on: places of verified proofs of providers that do not forward them. */
  readonly strip: Strip;
  /** Headers from verified tokens: name in lower case, a legal value of at most 8 KiB. Each name once. */
  readonly set: readonly HeaderPair[];
}

export interface IdentityStatus {
  readonly keys: readonly KeySourceStatus[];
  readonly introspection: readonly IntrospectionStatus[];
  /** null: none is configured. */
  readonly revocation: RevocationStatus | null;
  /** Results of tokens that are kept. */
  readonly tokens: { readonly entries: number; readonly bytes: number };
  /** How authentications ended since the start, where there was a provider to ask. */
  readonly outcomes: Readonly<Record<Authenticated['outcome'], number>>;
}

export interface AuthenticatorOptions {
  readonly settings: IdentitySettings;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly clock?: Clock;
  /** Default: of this process. */
  readonly usedProofs?: ProofMemory;
}

const NO_PROOF: IdentityOutcome = Object.freeze({
  result: { outcome: 'none' } as const,
  strip: STRIP_NOTHING,
  set: [],
});

export class Authenticator {
  readonly #leaveTokens: boolean;
  readonly #fetch: GuardedFetch;
  readonly #keys: KeySources;
  readonly #revocation: RevocationSource;
  readonly #verifier: JwtVerifier;
  readonly #introspector: Introspector;
  readonly #apiKeys = new WeakMap<ApiKeyProvider, ApiKeys>();
  readonly #outcomes = { none: 0, verified: 0, invalid: 0, unavailable: 0 };
  readonly #now: () => number;
  #sources: readonly KeySource[] = [];
  #epoch = 0;
  /** Of all that {@link epoch} stands for. */
  #versions = 0;

  constructor({ settings, log, clock = SYSTEM_CLOCK, usedProofs }: AuthenticatorOptions) {
    const { fetch, clients, tokens, revocation, leaveTokens } = settings;
    const others = { ...DEFAULT_FETCH_SETTINGS, timeoutMs: fetch.timeoutSeconds * 1000, maxBytes: fetch.maxBytes };
    const targets = fetch.targets.map((target) => ({ ...others, ...target }));
    this.#leaveTokens = leaveTokens;
    this.#now = () => clock.nowMs();
    this.#fetch = new GuardedFetch(settingsByUrl(targets, others));
    this.#keys = new KeySources({
      fetch: this.#fetch.fetch,
      log,
      clock,
      settings: {
        ...DEFAULT_KEY_SOURCE_SETTINGS,
        intervalMs: fetch.refreshSeconds * 1000,
        cooldownMs: fetch.unknownKeyCooldownSeconds * 1000,
        maxWaitMs: fetch.firstKeysWaitSeconds * 1000,
      },
    });
    this.#revocation = new RevocationSource({ settings: revocation, fetch: this.#fetch.fetch, clock, log });
    this.#verifier = new JwtVerifier({
      cache: {
        ...TOKEN_CACHE_DEFAULTS,
        maxEntries: tokens.maxEntries,
        maxBytes: tokens.maxBytes,
        maxTtlMs: tokens.maxTtlSeconds * 1000,
      },
      usedProofs: usedProofs ?? new UsedProofs(USED_PROOFS_DEFAULTS, this.#now),
      revocations: () => this.#revocation.list,
      now: this.#now,
    });
    this.#introspector = new Introspector({
      fetch: this.#fetch.fetch,
      clients: new Map(clients.map((client) => [client.name, client])),
      log,
      clock,
      settings: {
        ...DEFAULT_INTROSPECTION_SETTINGS,
        maxEntries: tokens.maxEntries,
        maxCacheBytes: tokens.maxBytes,
      },
    });
  }

  /** Another number whenever something that was kept may no longer hold: another revocation list, other keys. */
  get epoch(): number {
    // Versions only grow, so their sum is another one as soon as one of them is.
    let versions = this.#revocation.list.version + (this.#revocation.isReady ? 1 : 0);
    for (const { current } of this.#sources) if (current !== null) versions += current.version;
    if (versions !== this.#versions) {
      this.#versions = versions;
      this.#epoch += 1;
    }
    return this.#epoch;
  }

  /**
   * The providers of the policies that are about to serve. Those that stay keep their keys, and what a check that began
   * under earlier policies already holds stays good for it.
   */
  use(authentications: readonly Authentication[]): void {
    const providers = authentications
      .flatMap((each) => each.providers)
      .filter((provider): provider is JwtProvider => provider.type === 'jwt');
    this.#keys.use(providers);
    this.#sources = [...new Set(providers.map((provider) => this.#keys.of(provider)))];
    this.#epoch += 1;
  }

  /**
   * `groups`: the objects that apply to the called workload; the same list for the same workload, since what it comes to
   * is kept by it. Never throws, never rejects; synchronous whenever all that is asked for is known. `nowMs`:
   * milliseconds since the epoch.
   */
  authenticate(
    request: RequestAttributes,
    groups: readonly Authentication[],
    possession: Possession,
    nowMs: number,
  ): IdentityOutcome | Promise<IdentityOutcome> {
    if (groups.length === 0) return NO_PROOF;
    try {
      const outcome = this.#ask(request, planOf(groups), possession, nowMs);
      return outcome instanceof Promise
        ? outcome.catch(() => unknown(groups)).then((known) => this.#counted(known))
        : this.#counted(outcome);
    } catch {
      return this.#counted(unknown(groups));
    }
  }

  status(): IdentityStatus {
    return {
      keys: this.#keys.status(),
      introspection: this.#introspector.status(),
      revocation: this.#revocation.status(),
      tokens: { entries: this.#verifier.cachedTokens, bytes: this.#verifier.cachedBytes },
      outcomes: { ...this.#outcomes },
    };
  }

  /** Ends what runs in the background and all connections. */
  close(): void {
    this.#keys.close();
    this.#revocation.close();
    this.#fetch.close();
  }

  #ask(
    request: RequestAttributes,
    { istio, strict }: Plan,
    possession: Possession,
    nowMs: number,
  ): MaybePromise<IdentityOutcome> {
    const verify = (provider: Provider, values: readonly [string, ...string[]]): MaybePromise<Authenticated> =>
      this.#verify(provider, values, request, possession, nowMs);
    const byIstio: MaybePromise<IstioOutcome> = istio.length === 0 ? ISTIO_NONE : askIstio(request, istio, verify);
    const byStrict: MaybePromise<StrictOutcome> =
      strict.length === 0 ? STRICT_NONE : askStrict(request, strict, verify);
    return byIstio instanceof Promise || byStrict instanceof Promise
      ? Promise.all([byIstio, byStrict]).then(([one, other]) => this.#outcomeOf(one, other))
      : this.#outcomeOf(byIstio, byStrict);
  }

  #outcomeOf(istio: IstioOutcome, strict: StrictOutcome): IdentityOutcome {
    if (istio === ISTIO_NONE && strict === STRICT_NONE) return NO_PROOF;
    const { result, vouched } = combine(istio, strict);
    if (result.outcome !== 'verified') return { result, strip: STRIP_NOTHING, set: [] };
    return { result, strip: stripOf(vouched, this.#leaveTokens), set: outputHeaders(vouched) };
  }

  /** INVARIANT: the revocation list is looked at here or by the verifier each time, whatever was kept. */
  #verify(
    provider: Provider,
    values: readonly [string, ...string[]],
    request: RequestAttributes,
    possession: Possession,
    nowMs: number,
  ): MaybePromise<Authenticated> {
    switch (provider.type) {
      case 'jwt':
        return andThen(this.#verifier.verifyAll(values, provider, this.#keys.of(provider), possession), (result) =>
          this.#ifListed(result),
        );
      case 'introspection':
        return andThen(this.#introspector.introspect(provider, values[0]), (result) => this.#ifNotRevoked(result));
      case 'apiKey':
        return this.#ifNotRevoked(this.#apiKeysOf(provider).authenticate(request, nowMs));
    }
  }

  #ifNotRevoked(result: Authenticated): Authenticated {
    return result.outcome === 'verified' && this.#revocation.list.isRevoked(result.claims, this.#now())
      ? invalidToken('the proof is revoked')
      : this.#ifListed(result);
  }

  /** Without the list that there has to be, nobody knows what is revoked. */
  #ifListed(result: Authenticated): Authenticated {
    return result.outcome === 'verified' && !this.#revocation.isReady
      ? { outcome: 'unavailable', provider: result.provider }
      : result;
  }

  #apiKeysOf(provider: ApiKeyProvider): ApiKeys {
    let keys = this.#apiKeys.get(provider);
    if (keys === undefined) this.#apiKeys.set(provider, (keys = new ApiKeys(provider)));
    return keys;
  }

  #counted(outcome: IdentityOutcome): IdentityOutcome {
    this.#outcomes[outcome.result.outcome] += 1;
    return outcome;
  }
}

/** A mistake of ours is no absent proof. */
function unknown(groups: readonly Authentication[]): IdentityOutcome {
  const provider = groups.flatMap((group) => group.providers)[0]?.id ?? '';
  return { result: { outcome: 'unavailable', provider }, strip: STRIP_NOTHING, set: [] };
}

/** What of a request an outcome depends on: what it has elsewhere changes nothing. For keys of what is kept. */
export function proofPlaces(groups: readonly Authentication[]): ProofPlaces {
  return planOf(groups).places;
}
