/** The key sources of all providers in force. */
import type { Logger } from '../../telemetry/logger.ts';
import type { JwtProvider } from '../../policy/identity-model.ts';
import { SYSTEM_CLOCK } from '../net/clock.ts';
import type { Clock } from '../net/clock.ts';
import type { Fetch } from '../net/guarded-fetch.ts';
import type { KeySource } from '../proof.ts';
import { fetchKeys } from './fetch-keys.ts';
import { DEFAULT_KEY_SOURCE_SETTINGS, RemoteKeys, inlineKeys } from './key-source.ts';
import type { KeySourceSettings, KeySourceState, ManagedKeySource } from './key-source.ts';

export interface KeySourcesOptions {
  readonly fetch: Fetch;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly settings?: KeySourceSettings;
  readonly clock?: Clock;
  readonly random?: () => number;
}

export interface KeySourceStatus extends KeySourceState {
  /** Ids of the providers that take keys from this source. */
  readonly providers: readonly string[];
}

/**
 * One source for each origin: where the keys are, and for discovery whose they are. Providers of one origin share it (a
 * mesh has the same issuer in many namespaces); keys of different origins never meet, whatever their ids.
 */
export class KeySources {
  readonly #options: Required<KeySourcesOptions>;
  #sources = new Map<string, { readonly source: ManagedKeySource; readonly providers: Set<string> }>();

  constructor({
    settings = DEFAULT_KEY_SOURCE_SETTINGS,
    clock = SYSTEM_CLOCK,
    random = Math.random,
    ...others
  }: KeySourcesOptions) {
    this.#options = { settings, clock, random, ...others };
  }

  /**
   * The providers of a new policy set. Sources that are still wanted stay with their keys, new ones start, the others
   * end (a check that still holds one keeps its last keys).
   */
  use(providers: Iterable<JwtProvider>): void {
    const before = this.#sources;
    this.#sources = new Map();
    for (const provider of providers) {
      const key = originOf(provider);
      let entry = this.#sources.get(key);
      if (entry === undefined) {
        entry = { source: before.get(key)?.source ?? this.#open(provider), providers: new Set() };
        this.#sources.set(key, entry);
      }
      entry.providers.add(provider.id);
    }
    for (const [key, { source }] of before) if (!this.#sources.has(key)) source.close();
  }

  /** Of a provider that was given to {@link use}; otherwise one without keys. */
  of(provider: JwtProvider): KeySource {
    return this.#sources.get(originOf(provider))?.source ?? NO_KEYS;
  }

  status(): readonly KeySourceStatus[] {
    return [...this.#sources.values()].map(({ source, providers }) => ({
      providers: [...providers],
      ...source.state(),
    }));
  }

  close(): void {
    this.use([]);
  }

  #open({ id, keys, issuer }: JwtProvider): ManagedKeySource {
    if (keys.from === 'inline') return inlineKeys(keys.jwks);
    const { fetch, log, settings, clock, random } = this.#options;
    return new RemoteKeys({
      load: (signal) => fetchKeys(fetch, keys, issuer, signal),
      settings,
      clock,
      random,
      onChange: (error) => {
        if (error === null) log.info({ provider: id }, 'keys of a provider can be fetched again');
        else log.warn({ provider: id, error }, 'keys of a provider cannot be fetched');
      },
    });
  }
}

/** Texts of origins, by provider: it is asked for at each check. */
const origins = new WeakMap<JwtProvider, string>();

function originOf(provider: JwtProvider): string {
  let origin = origins.get(provider);
  if (origin === undefined) {
    const { keys, issuer } = provider;
    origin =
      keys.from === 'inline'
        ? JSON.stringify(['inline', keys.jwks])
        : JSON.stringify([keys.from, keys.uri, keys.timeoutMs ?? null, keys.from === 'discovery' ? issuer : null]);
    origins.set(provider, origin);
  }
  return origin;
}

const NO_KEYS: KeySource = Object.freeze({
  current: null,
  ready: () => Promise.resolve(null),
  refresh: () => Promise.resolve(null),
});
