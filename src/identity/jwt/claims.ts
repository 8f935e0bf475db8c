/** What a verified payload has to say (RFC 7519 §4.1), and how it is shown to rules. */
import { asciiLowerCase, toByteString } from '../../attributes/bytes.ts';
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import { claimStrings } from '../../attributes/claim.ts';
import type { JwtProvider } from '../../policy/identity-model.ts';
import type { Jws } from './jws.ts';

/** Past this, clocks are not skewed but wrong, whatever is configured (threat model 3.5). */
const MAX_CLOCK_SKEW_SECONDS = 60;

/** Without `exp` or a greatest age (only Envoy's rules allow it): how long a verification is good for. */
const MAX_UNLIMITED_SECONDS = 300;

/** Times are unsigned integers of 64 bits for Envoy (source/common/jwt/struct_utils.cc); what is larger is none. */
const TIME_LIMIT_SECONDS = 2 ** 64;

/** The end of the proof's life in milliseconds since the epoch, or why it is not good: fit to be told to the caller. */
export function checkClaims(jws: Jws, provider: JwtProvider, nowMs: number): number | string {
  const { payload } = jws;
  const strict = provider.profile === 'strict';
  if (provider.typ !== null && mediaType(jws.typ ?? '') !== mediaType(toByteString(provider.typ))) {
    return 'the token is of another type';
  }
  if (!isStringOrAbsent(payload.get('iss')) || !isStringOrAbsent(payload.get('sub')))
    return 'a claim is of a wrong type';
  if (!isStringOrAbsent(payload.get('jti'))) return 'a claim is of a wrong type';
  if (strict || provider.issuer !== '') {
    if (payload.get('iss') !== toByteString(provider.issuer) || provider.issuer === '') {
      return 'the token is from another issuer';
    }
  }
  const audience = checkAudience(payload.get('aud'), provider);
  if (audience !== null) return audience;
  for (const name of provider.requiredClaims) {
    if ((payload.get(toByteString(name)) ?? null) === null) return 'a required claim is missing';
  }
  return checkTimes(payload, provider, nowMs);
}

function checkAudience(aud: Claim | undefined, { audiences, profile }: JwtProvider): string | null {
  const wellFormed =
    aud === undefined || typeof aud === 'string' || (Array.isArray(aud) && claimStrings(aud).length === aud.length);
  if (!wellFormed) return 'a claim is of a wrong type';
  // An empty list of a strict provider was a mistake, and is not "any".
  if (audiences.length === 0 && profile === 'istio') return null;
  const form = profile === 'istio' ? envoyAudience : (audience: string): string => audience;
  const wanted = audiences.map((each) => form(toByteString(each)));
  return claimStrings(aud).some((each) => wanted.includes(form(each))) ? null : 'the token is for another audience';
}

/** Envoy compares audiences without `http://` or `https://` and one `/` at the end (source/common/jwt/check_audience.cc). */
function envoyAudience(audience: string): string {
  const start = audience.startsWith('http://') ? 7 : audience.startsWith('https://') ? 8 : 0;
  return audience.slice(start, audience.endsWith('/') ? -1 : undefined);
}

function checkTimes(payload: ClaimMap, provider: JwtProvider, nowMs: number): number | string {
  const exp = timeMs(payload.get('exp'));
  const nbf = timeMs(payload.get('nbf'));
  const iat = timeMs(payload.get('iat'));
  if (Number.isNaN(exp) || Number.isNaN(nbf) || Number.isNaN(iat)) return 'a claim is of a wrong type';
  const strict = provider.profile === 'strict';
  // NaN, of a setting or a clock, must not make a comparison say that all is well.
  const skewMs = Math.min(Math.max(provider.clockSkewSeconds, 0), MAX_CLOCK_SKEW_SECONDS) * 1000;
  if (!(skewMs >= 0 && Number.isFinite(nowMs))) return 'the time is not known';

  if (exp === null && strict) return 'the token has no end';
  // "On or after" (RFC 7519 §4.1.4) for strict; Envoy counts whole seconds and takes the last one too.
  if (exp !== null && (strict ? nowMs >= exp + skewMs : Math.floor(nowMs / 1000) * 1000 > exp + skewMs)) {
    return 'the token is expired';
  }
  if (nbf !== null && nowMs + skewMs < nbf) return 'the token is not valid yet';
  // Envoy does not look at it.
  if (iat !== null && strict && nowMs + skewMs < iat) return 'the token is from the future';

  let untilMs = exp ?? nowMs + MAX_UNLIMITED_SECONDS * 1000;
  if (provider.maxAgeSeconds !== null) {
    if (iat === null) return 'the token does not say when it was issued';
    const endMs = iat + provider.maxAgeSeconds * 1000;
    if (!(nowMs < endMs + skewMs)) return 'the token is too old';
    untilMs = Math.min(untilMs, endMs);
  }
  return untilMs;
}

/** NumericDate (RFC 7519 §2), fractions allowed. null: not there; NaN: no time. */
function timeMs(claim: Claim | undefined): number | null {
  if (claim === undefined) return null;
  return typeof claim === 'number' && claim >= 0 && claim < TIME_LIMIT_SECONDS ? Math.floor(claim * 1000) : NaN;
}

function isStringOrAbsent(claim: Claim | undefined): boolean {
  return claim === undefined || typeof claim === 'string';
}

/** RFC 7515 §4.1.9: without case, and `application/` is understood where there is no other slash. */
function mediaType(typ: string): string {
  const lower = asciiLowerCase(typ);
  return lower.startsWith('application/') && !lower.includes('/', 12) ? lower.slice(12) : lower;
}

/** What Istio configures jwt_authn to split (istio.io/istio pilot/pkg/security/authn). */
const SPACE_DELIMITED = ['scope', 'permission'];

/**
 * The payload as rules see it: claims that are lists written as one string are lists, as in Envoy's metadata
 * (`normalize_payload_in_metadata.space_delimited_claims`). A string of spaces alone stays what it is.
 */
export function claimsForRules(payload: ClaimMap, spaceDelimited: readonly string[]): ClaimMap {
  let claims: Map<string, Claim> | null = null;
  for (const name of [...SPACE_DELIMITED, ...spaceDelimited.map(toByteString)]) {
    const value = payload.get(name);
    if (typeof value !== 'string') continue;
    const parts = value.split(' ').filter((part) => part !== '');
    if (parts.length > 0) (claims ??= new Map(payload)).set(name, parts);
  }
  return claims ?? payload;
}
