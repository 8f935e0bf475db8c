/** Proof that the caller holds what the token is bound to (`cnf`, RFC 7800): asked at each request, never cached. */
import { isClaimMap } from '../../attributes/claim.ts';
import type { JwtProvider } from '../../policy/identity-model.ts';
import type { Authenticated, KeySource, VerifiedProof } from '../proof.ts';
import type { DpopVerifier } from './dpop.ts';
import type { Possession } from './possession.ts';
import { invalidToken } from './verify-token.ts';

/** Never throws, never rejects. A binding that the provider asks for and the token lacks is a refusal. */
export function checkPossession(
  proof: VerifiedProof,
  provider: JwtProvider,
  token: string,
  keys: KeySource,
  possession: Possession,
  dpop: DpopVerifier,
): Authenticated | Promise<Authenticated> {
  switch (provider.binding) {
    case 'none':
      return proof;
    case 'certificate':
      return hasCertificate(proof, possession.certificateSha256)
        ? proof
        : invalidToken('the token is bound to another certificate');
    case 'dpop': {
      const thumbprint = confirmation(proof, 'jkt');
      if (thumbprint === null) return invalidToken('the token is bound to no key');
      return dpop.verify(possession, token, thumbprint, keys).then((flaw): Authenticated => {
        if (flaw === null) return proof;
        return flaw === 'full' ? { outcome: 'unavailable', provider: provider.id } : invalidToken(flaw);
      });
    }
  }
}

/** RFC 8705 §3.1. */
function hasCertificate(proof: VerifiedProof, sha256: string | null): boolean {
  const wanted = confirmation(proof, 'x5t#S256');
  if (wanted === null || sha256 === null || !/^[0-9a-fA-F]{64}$/.test(sha256)) return false;
  return Buffer.from(sha256, 'hex').toString('base64url') === wanted;
}

function confirmation(proof: VerifiedProof, name: string): string | null {
  const cnf = proof.claims.get('cnf');
  const value = isClaimMap(cnf) ? cnf.get(name) : undefined;
  return typeof value === 'string' && value !== '' ? value : null;
}
