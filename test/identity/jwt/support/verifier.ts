import { JwtVerifier } from '../../../../src/identity/jwt/jwt-verifier.ts';
import type { Possession } from '../../../../src/identity/jwt/possession.ts';
import { TOKEN_CACHE_DEFAULTS } from '../../../../src/identity/jwt/token-cache.ts';
import type { TokenCacheSettings } from '../../../../src/identity/jwt/token-cache.ts';
import { USED_PROOFS_DEFAULTS, UsedProofs } from '../../../../src/identity/jwt/used-proofs.ts';
import type { UsedProofsSettings } from '../../../../src/identity/jwt/used-proofs.ts';
import type { Authenticated, KeySource } from '../../../../src/identity/proof.ts';
import { RevocationList } from '../../../../src/identity/revocation/revocation-list.ts';
import type { JwtProvider } from '../../../../src/policy/identity-model.ts';
import { NOW_MS, provider } from './issuer.ts';
import { lines } from './request.ts';

export const NO_POSSESSION: Possession = {
  certificateSha256: null,
  dpop: lines(),
  method: 'GET',
  scheme: 'https',
  authority: 'shop.example',
  target: '/orders?page=1',
};

/** A verifier with a clock and a revocation list that a test moves by hand. */
export class TestVerifier {
  nowMs = NOW_MS;
  revocations = RevocationList.NONE;
  readonly verifier: JwtVerifier;

  constructor(cache: Partial<TokenCacheSettings> = {}, proofs: Partial<UsedProofsSettings> = {}) {
    this.verifier = new JwtVerifier({
      cache: { ...TOKEN_CACHE_DEFAULTS, ...cache },
      usedProofs: new UsedProofs({ ...USED_PROOFS_DEFAULTS, ...proofs }, () => this.nowMs),
      revocations: () => this.revocations,
      now: () => this.nowMs,
    });
  }

  async verify(
    token: string,
    keys: KeySource,
    by: JwtProvider = provider(),
    possession: Possession = NO_POSSESSION,
  ): Promise<Authenticated> {
    return this.verifier.verify(token, by, keys, possession);
  }

  /** The outcome, with the reason where there is one. */
  async outcome(...given: Parameters<TestVerifier['verify']>): Promise<string> {
    const result = await this.verify(...given);
    return result.outcome === 'invalid' ? result.description : result.outcome;
  }
}
