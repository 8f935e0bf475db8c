/** What an introspection response (RFC 7662 §2.2) says of a token. */
import { toByteString } from '../../attributes/bytes.ts';
import { claimStrings, isClaimMap } from '../../attributes/claim.ts';
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import type { IntrospectionProvider } from '../../policy/identity-model.ts';
import { claimsForRules } from '../jwt/claims.ts';
import { JsonError, parseJson } from '../jwt/json.ts';
import { FetchError } from '../net/fetch-error.ts';

/** Clocks of two machines differ; the server has said already that the token is active by its own. */
const NOT_BEFORE_SKEW_SECONDS = 60;

export type IntrospectionAnswer =
  /** `expMs`: milliseconds since the epoch; null: the server does not say. */
  | { readonly active: true; readonly claims: ClaimMap; readonly expMs: number | null }
  /** `why` is for the caller: nothing of the response is in it. */
  | { readonly active: false; readonly why: string };

const no = (why: string): IntrospectionAnswer => ({ active: false, why });

/** `text`: byte string. Throws a {@link FetchError} (`document`) for what is no introspection response. */
export function readAnswer(text: string, provider: IntrospectionProvider, nowMs: number): IntrospectionAnswer {
  const response = parse(text);
  const active = response.get('active');
  // Nothing but the two booleans: `"false"` is a string, and true in half of the languages there are.
  if (typeof active !== 'boolean') throw malformed('`active` is no boolean');
  if (!active) return no('the token is not active');

  const [exp, nbf] = [instantOf(response, 'exp'), instantOf(response, 'nbf')];
  if (exp !== null && exp * 1000 <= nowMs) return no('the token has expired');
  if (nbf !== null && (nbf - NOT_BEFORE_SKEW_SECONDS) * 1000 > nowMs) return no('the token is not valid yet');

  const iss = stringOf(response, 'iss');
  const issuer = toByteString(provider.issuer);
  if (iss !== null && issuer !== '' && iss !== issuer) return no('the token is of another issuer');
  stringOf(response, 'sub');

  if (provider.audiences.length > 0) {
    const audiences = claimStrings(response.get('aud'));
    if (!provider.audiences.some((each) => audiences.includes(toByteString(each))))
      return no('the token is for another audience');
  }
  const scopes = scopesOf(response.get('scope'));
  if (!provider.requiredScopes.every((each) => scopes.includes(toByteString(each))))
    return no('the token lacks a scope');
  // A bound token is worth nothing without the key (RFC 8705 §3, RFC 9449 §7.1), and the key is not looked at here.
  const type = stringOf(response, 'token_type');
  if (response.has('cnf') || type?.toLowerCase() === 'dpop') return no('the token is bound to a key');

  const claims = new Map(claimsForRules(response, provider.spaceDelimitedClaims));
  claims.delete('active');
  if (issuer !== '') claims.set('iss', issuer);
  return { active: true, claims, expMs: exp === null ? null : exp * 1000 };
}

function parse(text: string): ClaimMap {
  let value: Claim;
  try {
    value = parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) throw malformed(error.message);
    throw error;
  }
  if (!isClaimMap(value)) throw malformed('no object');
  return value;
}

/** Seconds since the epoch; null: not there. */
function instantOf(response: ClaimMap, name: string): number | null {
  const value = response.get(name) ?? null;
  if (value === null || typeof value === 'number') return value;
  throw malformed(`\`${name}\` is no number`);
}

function stringOf(response: ClaimMap, name: string): string | null {
  const value = response.get(name) ?? null;
  if (value === null || typeof value === 'string') return value;
  throw malformed(`\`${name}\` is no string`);
}

/** One string with spaces between (RFC 7662 §2.2); some servers give a list. */
function scopesOf(scope: Claim | undefined): readonly string[] {
  return typeof scope === 'string' ? scope.split(' ') : claimStrings(scope);
}

function malformed(what: string): FetchError {
  return new FetchError('document', `no introspection response: ${what}`);
}
