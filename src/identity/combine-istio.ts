/**
 * All RequestAuthentication rules of a workload, as Istio merges them into one requirement of Envoy's jwt_authn
 * (istio.io/istio pilot/pkg/security/authn/policy_applier.go, convertToEnvoyJwtConfig): with one rule "it, or no token";
 * with several "any of P1 … Pn, or each of them or no token for it", in the order of their issuers. What Envoy makes of
 * that (source/extensions/filters/http/jwt_authn/verifier.cc) comes to: the first that verifies speaks alone, its claims
 * are the only ones; no token for any of them passes; anything else is 401. So beside a good token a bad one for another
 * rule passes, and is nobody's.
 */
import { toByteString } from '../attributes/bytes.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { JwtProvider } from '../policy/identity-model.ts';
import { jwtLocations } from './jwt/locations.ts';
import type { FoundProofs } from './jwt/locations.ts';
import { invalidToken } from './jwt/verify-token.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { ProofFinder } from './proof-finder.ts';
import type { Authenticated } from './proof.ts';
import { tokenIssuer } from './token-issuer.ts';
import type { Verify, Vouched } from './vouched.ts';

export interface IstioOutcome {
  readonly result: Authenticated;
  /** null: not verified. */
  readonly vouched: Vouched | null;
  /** Is all that was found for any of them among `theirs`, and none of it of an issuer that one of them names? */
  readonly isOfOthers: (theirs: ReadonlySet<string>) => boolean;
}

export const ISTIO_NONE: IstioOutcome = { result: { outcome: 'none' }, vouched: null, isOfOthers: () => true };

/** The order in which Istio lists them; of one issuer, the order in which they are given. */
export function inIstioOrder(providers: readonly JwtProvider[]): readonly JwtProvider[] {
  const keyed = providers.map((provider) => ({ provider, issuer: toByteString(provider.issuer) }));
  keyed.sort((a, b) => (a.issuer < b.issuer ? -1 : a.issuer > b.issuer ? 1 : 0));
  return keyed.map(({ provider }) => provider);
}

/** `providers` in the order of {@link inIstioOrder}. */
export function askIstio(
  request: RequestAttributes,
  providers: readonly JwtProvider[],
  verify: Verify,
): MaybePromise<IstioOutcome> {
  // `bypass_cors_preflight` (source/extensions/filters/http/jwt_authn/filter.cc): browsers send no token with it.
  if (isCorsPreflight(request)) return ISTIO_NONE;
  const finder = new ProofFinder(request, 'istio');
  const found = providers.map((provider) => finder.find(jwtLocations(provider)));
  if (found.every(({ outcome }) => outcome === 'none')) return ISTIO_NONE;
  return new Asking(providers, found, verify).from(0);
}

/** One request. */
class Asking {
  readonly #providers: readonly JwtProvider[];
  readonly #found: readonly FoundProofs[];
  readonly #verify: Verify;
  #invalid: Authenticated | null = null;
  #unavailable: { readonly result: Authenticated; readonly values: readonly string[] } | null = null;

  constructor(providers: readonly JwtProvider[], found: readonly FoundProofs[], verify: Verify) {
    this.#providers = providers;
    this.#found = found;
    this.#verify = verify;
  }

  from(first: number): MaybePromise<IstioOutcome> {
    for (let i = first; i < this.#providers.length; i++) {
      const found = this.#found[i]!;
      if (found.outcome === 'none') continue;
      // What the first would have said is not known, and it would have been the one to speak.
      if (found.outcome === 'invalid') return this.#end(this.#unavailable?.result ?? found, null);
      const result = this.#ask(this.#providers[i]!, found.values);
      if (result instanceof Promise) return result.then((known) => this.#take(i, known) ?? this.from(i + 1));
      const end = this.#take(i, result);
      if (end !== null) return end;
    }
    return this.#end(this.#unavailable?.result ?? this.#invalid ?? { outcome: 'none' }, null);
  }

  /** A token of another issuer costs no more than a look, however many rules there are. */
  #ask(provider: JwtProvider, values: readonly [string, ...string[]]): MaybePromise<Authenticated> {
    return this.#providers.length === 1 || values.every((value) => mayBeOf(provider, value))
      ? this.#verify(provider, values)
      : invalidToken('the token is from another issuer');
  }

  /** null: it does not speak. */
  #take(index: number, result: Authenticated): IstioOutcome | null {
    const found = this.#found[index]!;
    if (found.outcome !== 'found') return null;
    const { values, places } = found;
    switch (result.outcome) {
      case 'verified': {
        const earlier = this.#unavailable;
        // Whoever comes first speaks. If that cannot be told now, a later one is not somebody else in its place.
        if (earlier !== null && !earlier.values.every((value) => values.includes(value))) {
          return this.#end(earlier.result, null);
        }
        return this.#end(result, { provider: this.#providers[index]!, proof: result, values, places });
      }
      case 'unavailable':
        this.#unavailable ??= { result, values };
        return null;
      case 'invalid':
        this.#invalid = preferred(this.#invalid, result);
        return null;
      case 'none':
        return null;
    }
  }

  #end(result: Authenticated, vouched: Vouched | null): IstioOutcome {
    return { result, vouched, isOfOthers: (theirs) => this.#isOfOthers(theirs) };
  }

  #isOfOthers(theirs: ReadonlySet<string>): boolean {
    return this.#found.every(
      (found) =>
        found.outcome === 'none' ||
        (found.outcome === 'found' &&
          found.values.every(
            (value) => theirs.has(value) && !this.#providers.some((provider) => mayBeOf(provider, value)),
          )),
    );
  }
}

/** Of several refusals the one of a provider that knows the token is told: the others say "another issuer". */
function preferred(earlier: Authenticated | null, later: Authenticated): Authenticated {
  const isForeign = earlier?.outcome === 'invalid' && earlier.description === 'the token is from another issuer';
  return earlier === null || isForeign ? later : earlier;
}

function mayBeOf({ issuer }: JwtProvider, value: string): boolean {
  return issuer === '' || tokenIssuer(value) === toByteString(issuer);
}

/** Envoy's isCorsPreflightRequest. */
export function isCorsPreflight(request: RequestAttributes): boolean {
  return (
    request.method === 'OPTIONS' && hasValue(request, 'origin') && hasValue(request, 'access-control-request-method')
  );
}

function hasValue(request: RequestAttributes, name: string): boolean {
  const header = request.header(name);
  return header.form === 'joined' || header.lines.some((line) => line !== '');
}
