/** API keys: a request presents a key, policies know its hash. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { toByteString } from '../../attributes/bytes.ts';
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import type { ApiKey, ApiKeyProvider } from '../../policy/identity-model.ts';
import type { Authenticated } from '../proof.ts';
import { presentedKey } from './presented.ts';
import type { KeyCarrier } from './presented.ts';

/** Names of claims that no label can take. */
const ISSUER = 'iss';
const SUBJECT = 'sub';
const KEY_ID = 'api_key_id';

interface KnownKey {
  readonly digest: Buffer;
  readonly key: ApiKey;
  readonly claims: ClaimMap;
}

export class ApiKeys {
  readonly #provider: ApiKeyProvider;
  /** By SHA-256 in lower-case hexadecimal digits; null: several keys claim it, and then it is nobody's. */
  readonly #byDigest = new Map<string, KnownKey | null>();

  constructor(provider: ApiKeyProvider) {
    this.#provider = provider;
    for (const key of provider.keys) {
      const claims = claimsOf(key, provider.issuer);
      for (const text of key.sha256) {
        const hex = text.toLowerCase();
        const digest = Buffer.from(hex, 'hex');
        // A hash of another form is that of no key.
        if (digest.length !== DIGEST_LENGTH || digest.toString('hex') !== hex) continue;
        const earlier = this.#byDigest.get(hex);
        this.#byDigest.set(hex, earlier === undefined || earlier?.key === key ? { digest, key, claims } : null);
      }
    }
  }

  /**
   * `nowMs`: milliseconds since the epoch. Never throws.
   *
   * The look-up is by the hash of what was presented: how long it takes tells of that hash, from which nobody can
   * work towards a key. The comparison behind it takes the same time wherever two hashes differ.
   */
  authenticate(request: KeyCarrier, nowMs: number): Authenticated {
    const presented = presentedKey(request, this.#provider.locations);
    switch (presented.found) {
      case 'none':
        return { outcome: 'none' };
      case 'several':
        return { outcome: 'invalid', error: 'invalid_request', description: 'more than one API key was sent' };
      case 'malformed':
        return { outcome: 'invalid', error: 'invalid_request', description: 'the API key is malformed' };
      case 'one':
        return this.#verdictOn(presented.key, nowMs);
    }
  }

  #verdictOn(presented: string, nowMs: number): Authenticated {
    const digest = createHash('sha256').update(presented, 'latin1').digest();
    const known = this.#byDigest.get(digest.toString('hex')) ?? null;
    if (known === null || !timingSafeEqual(digest, known.digest)) return invalid('the API key is not known');
    // Who gets one of these has the key: it tells them nothing that they should not know.
    const { fromMs, untilMs } = known.key;
    if (fromMs !== null && !(nowMs >= fromMs)) return invalid('the API key is not valid yet');
    if (untilMs !== null && !(nowMs < untilMs)) return invalid('the API key has expired');
    return {
      outcome: 'verified',
      provider: this.#provider.id,
      claims: known.claims,
      untilMs: untilMs ?? Number.MAX_SAFE_INTEGER,
      // A key has no payload that could be handed on.
      payload: '',
    };
  }
}

const DIGEST_LENGTH = 32;

function invalid(description: string): Authenticated {
  return { outcome: 'invalid', error: 'invalid_token', description };
}

/** Labels first: one named like a claim of ours must not become it. */
function claimsOf({ id, owner, labels }: ApiKey, issuer: string): ClaimMap {
  const claims = new Map<string, Claim>();
  for (const [name, value] of labels) claims.set(toByteString(name), toByteString(value));
  claims.set(ISSUER, toByteString(issuer));
  claims.set(SUBJECT, toByteString(owner));
  claims.set(KEY_ID, toByteString(id));
  return claims;
}
