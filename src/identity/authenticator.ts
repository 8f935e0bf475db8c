/** Who a request proves to be by what it carries: tokens and keys, of all providers that its workload takes them from. */
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { Authentication } from '../policy/identity-model.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { IntrospectionStatus } from './introspection/introspector.ts';
import type { KeySourceStatus } from './jwks/key-sources.ts';
import type { Possession } from './jwt/possession.ts';
import type { Clock } from './net/clock.ts';
import type { Authenticated } from './proof.ts';
import type { IdentitySettings } from './settings.ts';

export interface IdentityOutcome {
  readonly result: Authenticated;
  /** Taken out of the request before it goes on: places of verified proofs of providers that do not forward them. */
  readonly strip: {
    /** Lower case. */
    readonly headers: readonly string[];
    readonly params: readonly string[];
    readonly cookies: readonly string[];
  };
  /** Headers from verified tokens: name in lower case, a legal value of at most 8 KiB. Each name once. */
  readonly set: readonly (readonly [name: string, value: string])[];
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

export interface RevocationStatus {
  /** `stale`: there is a list, and it could not be read when it was last looked at. `none`: never read. */
  readonly state: 'fresh' | 'stale' | 'none';
  readonly entries: number;
  /** Milliseconds since the epoch; null: never. */
  readonly lastSuccessMs: number | null;
  /** Of the last look; null: it succeeded. */
  readonly lastError: string | null;
}

export interface AuthenticatorOptions {
  readonly settings: IdentitySettings;
  readonly log: Pick<Logger, 'warn' | 'info'>;
  readonly clock?: Clock;
}

export class Authenticator {
  readonly #status: IdentityStatus = {
    keys: [],
    introspection: [],
    revocation: null,
    tokens: { entries: 0, bytes: 0 },
    outcomes: { none: 0, verified: 0, invalid: 0, unavailable: 0 },
  };

  constructor(_options: AuthenticatorOptions) {}

  /** Changes whenever something that was kept may no longer hold: another revocation list, keys that went away. */
  get epoch(): number {
    return 0;
  }

  /** The providers of the policies that are about to serve. Those that stay keep their keys. */
  use(_authentications: readonly Authentication[]): void {}

  /**
   * `groups`: the objects that apply to the called workload. Never throws, never rejects; synchronous whenever all that
   * is asked for is known. `nowMs`: milliseconds since the epoch.
   */
  authenticate(
    _request: RequestAttributes,
    _groups: readonly Authentication[],
    _possession: Possession,
    _nowMs: number,
  ): IdentityOutcome | Promise<IdentityOutcome> {
    return {
      result: { outcome: 'unavailable', provider: '' },
      strip: { headers: [], params: [], cookies: [] },
      set: [],
    };
  }

  status(): IdentityStatus {
    return this.#status;
  }

  close(): void {}
}

/**
 * The raw places that proofs of these are looked for in: header names in lower case (`cookie` among them when a cookie
 * is), and whether the query is one. What a request has elsewhere changes no outcome.
 */
export function proofPlaces(_groups: readonly Authentication[]): {
  readonly headers: readonly string[];
  readonly query: boolean;
} {
  return { headers: [], query: false };
}

/** Header names, in lower case, that any of these could set. A caller's own copy must never reach the upstream. */
export function identityHeaders(_groups: readonly Authentication[]): readonly string[] {
  return [];
}
