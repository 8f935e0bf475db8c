/** Proofs that a provider vouches for, and whether several are of one caller. */
import type { Provider } from '../policy/identity-model.ts';
import type { ProofPlace } from './jwt/locations.ts';
import type { MaybePromise } from './maybe-promise.ts';
import type { Authenticated, VerifiedProof } from './proof.ts';

export interface Vouched {
  readonly provider: Provider;
  readonly proof: VerifiedProof;
  /** What was in the request: byte strings. */
  readonly values: readonly string[];
  readonly places: readonly ProofPlace[];
}

/** What a provider says to values that were found in its places. Never rejects. */
export type Verify = (provider: Provider, values: readonly [string, ...string[]]) => MaybePromise<Authenticated>;

/** One token twice, or two proofs of one issuer's one subject. */
export function areOfOneCaller(one: Vouched, other: Vouched): boolean {
  const [issuer, subject] = [one.proof.claims.get('iss'), one.proof.claims.get('sub')];
  const sameSubject =
    typeof issuer === 'string' &&
    typeof subject === 'string' &&
    issuer === other.proof.claims.get('iss') &&
    subject === other.proof.claims.get('sub');
  const sameToken = one.provider.type === 'jwt' && other.provider.type === 'jwt' && one.values[0] === other.values[0];
  return sameSubject || sameToken;
}
