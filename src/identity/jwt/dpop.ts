/** DPoP proofs (RFC 9449 §4.3): the caller signs each request with the key that its token is bound to. */
import { calculateJwkThumbprint, importJWK } from 'jose';
import type { JWK } from 'jose';
import { hash } from 'node:crypto';
import type { webcrypto } from 'node:crypto';
import { asciiLowerCase } from '../../attributes/bytes.ts';
import type { ClaimMap } from '../../attributes/claim.ts';
import { isClaimMap } from '../../attributes/claim.ts';
import type { KeySource } from '../proof.ts';
import { parseJws } from './jws.ts';
import type { Jws } from './jws.ts';
import type { Possession } from './possession.ts';
import { DPOP_WINDOW_MS } from './used-proofs.ts';
import type { ProofMemory } from './used-proofs.ts';
import { ASYMMETRIC_ALGORITHMS, isSignedBy } from './verify-token.ts';
import type { Gate } from './verify-token.ts';

export interface DpopOptions {
  readonly now: () => number;
  readonly gate: Gate;
  readonly used: ProofMemory;
}

/** A proof is three claims and a key. */
const MAX_PROOF_LENGTH = 4 * 1024;
const MAX_JTI_LENGTH = 256;

/** Members of a private or symmetric key (RFC 7518 §6): whoever sends one has given it away. */
const PRIVATE_MEMBERS = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k'];
const PUBLIC_MEMBERS = ['kty', 'crv', 'x', 'y', 'n', 'e'];

export class DpopVerifier {
  readonly #now: () => number;
  readonly #gate: Gate;
  readonly #used: ProofMemory;

  constructor({ now, gate, used }: DpopOptions) {
    this.#now = now;
    this.#gate = gate;
    this.#used = used;
  }

  /**
   * null: good, and used up. `full`: it cannot be told. Else why not, fit for the caller. Never rejects. `keys`: those
   * that `token` was verified with.
   *
   * What is remembered is of this instance: several each take a proof once.
   */
  async verify(possession: Possession, token: string, thumbprint: string, keys: KeySource): Promise<string | null> {
    const { dpop } = possession;
    if (dpop.form === 'joined' || dpop.lines.length !== 1) return 'exactly one DPoP proof is needed';
    if (dpop.lines[0]!.length > MAX_PROOF_LENGTH) return 'the DPoP proof is too long';
    const proof = parseJws(dpop.lines[0]!);
    if (typeof proof === 'string') return 'the DPoP proof is malformed';
    const flaw = this.#flawOf(proof, possession, token);
    if (flaw !== null) return flaw;
    const jwk = publicJwk(proof.header);
    if (jwk === null) return 'the DPoP proof has no public key';
    try {
      if ((await calculateJwkThumbprint(jwk, 'sha256')) !== thumbprint) return 'the DPoP proof is of another key';
      const checked = this.#gate(keys, async () =>
        isSignedBy(proof, (await importJWK(jwk, proof.algorithm)) as webcrypto.CryptoKey),
      );
      if (checked === null) return 'full';
      if (!(await checked)) return 'the DPoP proof is not signed by its key';
    } catch {
      return 'the DPoP proof has no public key';
    }
    const use = await this.#used.use(thumbprint, proof.payload.get('jti') as string);
    if (use === 'again') return 'the DPoP proof was used before';
    return use === 'first' ? null : 'full';
  }

  #flawOf({ algorithm, typ, payload }: Jws, possession: Possession, token: string): string | null {
    if (asciiLowerCase(typ ?? '') !== 'dpop+jwt') return 'the DPoP proof is of another type';
    if (!ASYMMETRIC_ALGORITHMS.has(algorithm)) return 'the algorithm of the DPoP proof is not accepted';
    const jti = payload.get('jti');
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) return 'the DPoP proof has no good jti';
    if (payload.get('htm') !== possession.method) return 'the DPoP proof is for another method';
    const htu = payload.get('htu');
    const { scheme, authority, target } = possession;
    const here = normalUri(`${scheme}://${authority}${target}`);
    if (typeof htu !== 'string' || here === null || normalUri(htu) !== here) return 'the DPoP proof is for another URI';
    const iat = payload.get('iat');
    // NaN, of the clock, fails the comparison as it should.
    if (typeof iat !== 'number' || !(Math.abs(this.#now() - iat * 1000) <= DPOP_WINDOW_MS)) {
      return 'the DPoP proof is not of now';
    }
    return payload.get('ath') === hash('sha256', token, 'base64url') ? null : 'the DPoP proof is for another token';
  }
}

function publicJwk(header: ClaimMap): JWK | null {
  const jwk = header.get('jwk');
  if (!isClaimMap(jwk) || PRIVATE_MEMBERS.some((name) => jwk.has(name))) return null;
  const members = PUBLIC_MEMBERS.filter((name) => jwk.has(name)).map((name) => [name, jwk.get(name)] as const);
  if (!members.every(([, value]) => typeof value === 'string') || typeof jwk.get('kty') !== 'string') return null;
  return Object.fromEntries(members);
}

/**
 * `scheme://authority/path` without query and fragment, scheme and host in lower case and without the scheme's own port
 * (RFC 9449 §4.3 item 9, RFC 3986 §6.2.2.1 and §6.2.3); null: not an http URI. The path is compared as it is written.
 */
function normalUri(uri: string): string | null {
  const match = /^(https?):\/\/([^/?#@\s]+)([^?#]*)/i.exec(uri);
  if (match === null) return null;
  const scheme = asciiLowerCase(match[1]!);
  const authority = asciiLowerCase(match[2]!).replace(scheme === 'https' ? /:443$/ : /:80$/, '');
  return `${scheme}://${authority}${match[3] === '' ? '/' : match[3]!}`;
}
