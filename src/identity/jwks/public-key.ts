/** One JWK (RFC 7517) as a key that signatures are verified with, or why it is none. */
import { createPublicKey } from 'node:crypto';
import type { KeyObject, webcrypto } from 'node:crypto';
import type { ClaimMap } from '../../attributes/claim.ts';
import { decodeBase64url } from '../jwt/base64url.ts';
import { ownCopy } from '../own-copy.ts';

/** An id is a map's key; UUIDs and thumbprints are far shorter. The token's own is bounded by the token. */
const MAX_KID_LENGTH = 512;

/** Below it factors are found (RFC 7518 §3.3); above it one verification takes longer than a check may. */
const MIN_RSA_BITS = 2048;
const MAX_RSA_BITS = 8192;
/** 65537 has three bytes. The time of a verification grows with the exponent's length. */
const MAX_RSA_EXPONENT_BYTES = 4;

/** Members of private and symmetric keys (RFC 7518 §6.2.2, §6.3.2, §6.4.1): who publishes one has lost it. */
const SECRET_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];

type ImportAlgorithm = Parameters<KeyObject['toCryptoKey']>[0];

const RSA = new Map<string, ImportAlgorithm>(
  ['256', '384', '512'].flatMap((bits) => [
    [`RS${bits}`, { name: 'RSASSA-PKCS1-v1_5', hash: `SHA-${bits}` }],
    [`PS${bits}`, { name: 'RSA-PSS', hash: `SHA-${bits}` }],
  ]),
);
const ED25519: ImportAlgorithm = { name: 'Ed25519' };

/** By `kty` and `crv`: the JWS algorithms that such a key can verify (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864 §2). */
const ALGORITHMS: ReadonlyMap<string, ReadonlyMap<string, ImportAlgorithm>> = new Map([
  ['RSA', RSA],
  ['EC P-256', new Map([['ES256', { name: 'ECDSA', namedCurve: 'P-256' }]])],
  ['EC P-384', new Map([['ES384', { name: 'ECDSA', namedCurve: 'P-384' }]])],
  ['EC P-521', new Map([['ES512', { name: 'ECDSA', namedCurve: 'P-521' }]])],
  [
    'OKP Ed25519',
    new Map([
      ['EdDSA', ED25519],
      ['Ed25519', ED25519],
    ]),
  ],
]);

/** Bytes of each coordinate: fixed by the curve (RFC 7518 §6.2.1.2, RFC 8037 §2). */
const COORDINATE_BYTES: ReadonlyMap<string, number> = new Map([
  ['P-256', 32],
  ['P-384', 48],
  ['P-521', 66],
  ['Ed25519', 32],
]);

/** The members that make the key, in one spelling and one order. */
type Material = Readonly<Record<string, string>>;

/** What a key of a set is not used for. */
export type KeyFlaw =
  | 'not an object'
  | 'secret'
  | 'type'
  | 'not for signatures'
  | 'algorithm'
  | 'id'
  | 'too weak or too long'
  | 'malformed';

export class PublicKey {
  readonly kid: string | null;
  /** Equal for equal keys with equal restrictions: what tells whether a set has changed. */
  readonly identity: string;
  readonly #key: KeyObject;
  readonly #algorithms: ReadonlyMap<string, ImportAlgorithm>;
  readonly #made = new Map<string, webcrypto.CryptoKey>();

  /** Throws when the material is no key: a point that is not on its curve, for one. */
  constructor(kid: string | null, material: Material, algorithms: ReadonlyMap<string, ImportAlgorithm>) {
    this.kid = kid;
    this.#key = createPublicKey({ key: { ...material }, format: 'jwk' });
    this.#algorithms = algorithms;
    this.identity = JSON.stringify([kid, [...algorithms.keys()], material]);
  }

  /** null: a key of this type, or with this `alg`, does not verify that algorithm. */
  for(algorithm: string): webcrypto.CryptoKey | null {
    const made = this.#made.get(algorithm);
    if (made !== undefined) return made;
    const parameters = this.#algorithms.get(algorithm);
    if (parameters === undefined) return null;
    const key = this.#key.toCryptoKey(parameters, false, ['verify']);
    this.#made.set(algorithm, key);
    return key;
  }
}

/** From a member of `keys`; its strings are byte strings. */
export function readPublicKey(jwk: ClaimMap): PublicKey | KeyFlaw {
  if (SECRET_MEMBERS.some((name) => jwk.has(name))) return 'secret';
  const [kty, crv] = [jwk.get('kty'), jwk.get('crv')];
  const type = kty === 'RSA' ? 'RSA' : typeof kty === 'string' && typeof crv === 'string' ? `${kty} ${crv}` : '';
  const algorithms = ALGORITHMS.get(type);
  if (algorithms === undefined) return 'type';
  if (!isForSignatures(jwk)) return 'not for signatures';
  const allowed = restricted(algorithms, jwk);
  if (allowed === null) return 'algorithm';
  const kid = jwk.get('kid') ?? null;
  if (kid !== null && (typeof kid !== 'string' || kid.length > MAX_KID_LENGTH)) return 'id';
  const material = kty === 'RSA' ? rsaMaterial(jwk) : curveMaterial(kty as string, crv as string, jwk);
  if (typeof material === 'string') return material;
  try {
    // Key sets are up to 1 MiB, and a key of one is kept.
    return new PublicKey(kid === null ? null : ownCopy(kid), material, allowed);
  } catch {
    return 'malformed';
  }
}

/** `use` (RFC 7517 §4.2) and `key_ops` (§4.3): each that is there has to say so. */
function isForSignatures(jwk: ClaimMap): boolean {
  const [use, operations] = [jwk.get('use'), jwk.get('key_ops')];
  return (
    (use === undefined || use === 'sig') &&
    (operations === undefined || (Array.isArray(operations) && operations.includes('verify')))
  );
}

/** `alg` (RFC 7517 §4.4) names one; `EdDSA` and `Ed25519` are two names of one. */
function restricted(
  algorithms: ReadonlyMap<string, ImportAlgorithm>,
  jwk: ClaimMap,
): ReadonlyMap<string, ImportAlgorithm> | null {
  const alg = jwk.get('alg');
  if (alg === undefined) return algorithms;
  const parameters = typeof alg === 'string' ? algorithms.get(alg) : undefined;
  if (parameters === undefined) return null;
  return parameters === ED25519 ? algorithms : new Map([[alg as string, parameters]]);
}

function rsaMaterial(jwk: ClaimMap): Material | KeyFlaw {
  const [modulus, exponent] = [bytesOf(jwk.get('n')), bytesOf(jwk.get('e'))];
  if (modulus === null || exponent === null) return 'malformed';
  const bits = modulus.length * 8 - Math.clz32(modulus[0]!) + 24;
  if (bits < MIN_RSA_BITS || bits > MAX_RSA_BITS || exponent.length > MAX_RSA_EXPONENT_BYTES)
    return 'too weak or too long';
  const value = exponent.readUIntBE(0, exponent.length);
  // 1 makes every signature good; an even one is no RSA key.
  if (value < 3 || value % 2 === 0) return 'too weak or too long';
  return { kty: 'RSA', n: modulus.toString('base64url'), e: exponent.toString('base64url') };
}

/** Without the zero bytes before it that some libraries write (RFC 7518 §6.3.1.1 forbids them); null: no number. */
function bytesOf(text: unknown): Buffer | null {
  const bytes = typeof text === 'string' ? decodeBase64url(text) : null;
  const first = bytes?.findIndex((byte) => byte !== 0) ?? -1;
  return first < 0 ? null : bytes!.subarray(first);
}

function curveMaterial(kty: string, crv: string, jwk: ClaimMap): Material | KeyFlaw {
  const length = COORDINATE_BYTES.get(crv);
  const material: Record<string, string> = { kty, crv };
  for (const name of kty === 'EC' ? ['x', 'y'] : ['x']) {
    const text = jwk.get(name);
    if (typeof text !== 'string' || decodeBase64url(text)?.length !== length) return 'malformed';
    material[name] = text;
  }
  return material;
}
