/** What a verified token says to the upstream: `outputPayloadToHeader` and `outputClaimToHeaders`. */
import { isUtf8, toByteString } from '../attributes/bytes.ts';
import type { Claim, ClaimMap } from '../attributes/claim.ts';
import { claimAt, isClaimList, isClaimMap } from '../attributes/claim.ts';
import type { JwtProvider } from '../policy/identity-model.ts';
import { JsonError, parseJson } from './jwt/json.ts';
import type { VerifiedProof } from './proof.ts';
import type { Vouched } from './vouched.ts';

export type HeaderPair = readonly [name: string, value: string];

/** An eighth of the 60 KiB of headers that servers behind Envoy take by default, and more than most take of one. */
const MAX_VALUE_LENGTH = 8 * 1024;

const NOTHING: readonly HeaderPair[] = Object.freeze([]);

/** By proof, which the caches of tokens hold on to: the payload is read once. */
const known = new WeakMap<VerifiedProof, { readonly provider: JwtProvider; readonly pairs: readonly HeaderPair[] }>();

/**
 * Each name once: of the first who vouches and has something to say of it. Values are byte strings, well-formed UTF-8
 * without control characters or blanks at their ends. What cannot be such a value, or is longer than 8 KiB, is not set.
 */
export function outputHeaders(vouched: readonly Vouched[]): readonly HeaderPair[] {
  if (vouched.length === 1) return headersOf(vouched[0]!);
  const pairs = new Map<string, HeaderPair>();
  for (const pair of vouched.flatMap(headersOf)) if (!pairs.has(pair[0])) pairs.set(pair[0], pair);
  return [...pairs.values()];
}

function headersOf({ provider, proof }: Vouched): readonly HeaderPair[] {
  if (provider.type !== 'jwt') return NOTHING;
  if (provider.outputPayloadToHeader === null && provider.outputClaimToHeaders.length === 0) return NOTHING;
  const earlier = known.get(proof);
  if (earlier?.provider === provider) return earlier.pairs;
  const pairs = makeHeaders(provider, proof);
  known.set(proof, { provider, pairs });
  return pairs;
}

function makeHeaders({ outputPayloadToHeader, outputClaimToHeaders }: JwtProvider, proof: VerifiedProof): HeaderPair[] {
  const pairs = new Map<string, string>();
  const add = (name: string, value: string | null): void => {
    if (value !== null && value.length <= MAX_VALUE_LENGTH && !pairs.has(name)) pairs.set(name, value);
  };
  if (outputPayloadToHeader !== null) add(outputPayloadToHeader, proof.payload);
  const payload = outputClaimToHeaders.length === 0 ? null : readPayload(proof.payload);
  for (const { header, claim } of outputClaimToHeaders) add(header, headerValue(find(payload, toByteString(claim))));
  return [...pairs];
}

/** As it was signed: claims for rules have lists where the token has strings with spaces. */
function readPayload(encoded: string): ClaimMap | null {
  try {
    const payload = parseJson(Buffer.from(encoded, 'base64url').toString('latin1'));
    return isClaimMap(payload) ? payload : null;
  } catch (error) {
    if (error instanceof JsonError) return null;
    throw error;
  }
}

/** Dots go into objects (Envoy's StructUtils::GetValue); a claim whose name has dots in it is found where that finds none. */
function find(payload: ClaimMap | null, name: string): Claim | undefined {
  return claimAt(payload, name.split('.')) ?? payload?.get(name);
}

/**
 * As Envoy's addJWTClaimToHeader: strings as they are, numbers, booleans, and base64 (RFC 4648 §4) of the JSON of lists and
 * objects; null: nothing that a header could say.
 */
function headerValue(claim: Claim | undefined): string | null {
  if (typeof claim === 'boolean') return claim ? 'true' : 'false';
  // Past 2^53 it is no longer known which number was signed.
  if (typeof claim === 'number') return Math.abs(claim) <= Number.MAX_SAFE_INTEGER ? String(claim) : null;
  if (typeof claim === 'string') return isHeaderValue(claim) ? claim : null;
  return claim === null || claim === undefined ? null : Buffer.from(jsonOf(claim), 'latin1').toString('base64');
}

/** Bytes of JSON, as a byte string: what is no ASCII is no character that JSON escapes. */
function jsonOf(claim: Claim): string {
  if (isClaimList(claim)) return `[${claim.map(jsonOf).join(',')}]`;
  if (!isClaimMap(claim)) return JSON.stringify(claim);
  return `{${[...claim].map(([name, value]) => `${JSON.stringify(name)}:${jsonOf(value)}`).join(',')}}`;
}

/** RFC 9110 §5.5, and no C1 controls, which terminals obey. */
function isHeaderValue(text: string): boolean {
  return (
    /^[\x21-\x7e\x80-\xff](?:[\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?$/.test(text) &&
    isUtf8(text) &&
    !/\xc2[\x80-\x9f]/.test(text)
  );
}
