/**
 * All IdentityProviders of a workload: each proof that is in one of their places has to be good for the provider to which
 * it belongs. A JWT belongs to the provider of the issuer that it names, an opaque token to those that introspect, a key
 * to the place that it is in.
 */
import { toByteString } from '../attributes/bytes.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { ApiKeyProvider, ProofLocations, Provider } from '../policy/identity-model.ts';
import { presentedKey } from './api-key/presented.ts';
import { findProofs, jwtLocations } from './jwt/locations.ts';
import type { FoundProofs, ProofPlace } from './jwt/locations.ts';
import { invalidToken } from './jwt/verify-token.ts';
import { all, andThen } from './maybe-promise.ts';
import type { MaybePromise } from './maybe-promise.ts';
import { ProofFinder } from './proof-finder.ts';
import type { Authenticated } from './proof.ts';
import { looksLikeJwt, tokenIssuer } from './token-issuer.ts';
import type { Verify, Vouched } from './vouched.ts';

export interface StrictOutcome {
  /** The request cannot be read in one way: nothing was asked. */
  readonly refused: Authenticated | null;
  readonly values: readonly ValueOutcome[];
}

export interface ValueOutcome {
  readonly value: string;
  /** Nobody vouches for it, and no provider of tokens here is of the issuer that it names. */
  readonly isForeign: boolean;
  /** In the order of the providers; none: {@link flaw} says why. */
  readonly vouched: readonly Vouched[];
  readonly flaw: Authenticated;
}

export const STRICT_NONE: StrictOutcome = { refused: null, values: [] };

interface Claimant {
  readonly provider: Provider;
  readonly places: readonly ProofPlace[];
}

export function askStrict(
  request: RequestAttributes,
  providers: readonly Provider[],
  verify: Verify,
): MaybePromise<StrictOutcome> {
  const finder = new ProofFinder(request, 'strict');
  const claims = new Map<string, Claimant[]>();
  for (const provider of providers) {
    const found = provider.type === 'apiKey' ? findKey(request, provider) : finder.find(tokenLocations(provider));
    if (found.outcome === 'invalid') return { refused: found, values: [] };
    if (found.outcome === 'none') continue;
    const [value] = found.values;
    const claimants = claims.get(value);
    if (claimants === undefined) claims.set(value, [{ provider, places: found.places }]);
    else claimants.push({ provider, places: found.places });
  }
  if (claims.size === 0) return STRICT_NONE;
  return andThen(
    all([...claims].map(([value, claimants]) => askAbout(value, claimants, verify))),
    (values): StrictOutcome => ({ refused: null, values }),
  );
}

function tokenLocations(provider: Exclude<Provider, ApiKeyProvider>): ProofLocations {
  return provider.type === 'jwt' ? jwtLocations(provider) : provider.locations;
}

function findKey(request: RequestAttributes, { locations }: ApiKeyProvider): FoundProofs {
  const presented = presentedKey(request, locations);
  switch (presented.found) {
    case 'none':
      return { outcome: 'none' };
    case 'several':
      return { outcome: 'invalid', error: 'invalid_request', description: 'more than one API key was sent' };
    case 'malformed':
      return { outcome: 'invalid', error: 'invalid_request', description: 'the API key is malformed' };
    case 'one': {
      // The prefix and the names are what counts; where a key was is only asked to take it out of there.
      const found = findProofs(request, locations, 'istio');
      return { outcome: 'found', values: [presented.key], places: found.outcome === 'found' ? found.places : [] };
    }
  }
}

function askAbout(value: string, claimants: readonly Claimant[], verify: Verify): MaybePromise<ValueOutcome> {
  // One that could be asked alone looks at the issuer itself, and remembers what it found.
  const owners =
    claimants.length === 1 && claimants[0]!.provider.type === 'jwt' ? claimants : ownersOf(value, claimants);
  return andThen(all(owners.map(({ provider }) => verify(provider, [value]))), (results): ValueOutcome => {
    const vouched = results.flatMap((proof, i) =>
      proof.outcome === 'verified' ? [{ ...owners[i]!, proof, values: [value] }] : [],
    );
    const isForeign =
      vouched.length === 0 && ownersOf(value, claimants).every(({ provider }) => provider.type === 'apiKey');
    return { value, isForeign, vouched, flaw: flawOf(results) };
  });
}

/** Where somebody else might still vouch for it, it is not known to be bad. */
function flawOf(results: readonly Authenticated[]): Authenticated {
  return (
    results.find(({ outcome }) => outcome === 'unavailable') ??
    results.find(({ outcome }) => outcome === 'invalid') ??
    invalidToken('the token is of no known issuer')
  );
}

function ownersOf(value: string, claimants: readonly Claimant[]): readonly Claimant[] {
  const ofType = (type: Provider['type']): readonly Claimant[] =>
    claimants.filter(({ provider }) => provider.type === type);
  const keys = ofType('apiKey');
  if (keys.length === claimants.length) return keys;
  if (!looksLikeJwt(value)) return [...ofType('introspection'), ...keys];
  const issuer = tokenIssuer(value);
  if (issuer === null) return keys;
  const isItsIssuer = ({ provider }: Claimant): boolean => toByteString(provider.issuer) === issuer;
  const verifiers = ofType('jwt').filter(isItsIssuer);
  // Servers that introspect may give out JWTs too. One of another issuer is not shown to them.
  return [...(verifiers.length > 0 ? verifiers : ofType('introspection').filter(isItsIssuer)), ...keys];
}
