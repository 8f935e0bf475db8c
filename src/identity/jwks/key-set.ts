/** A JWK Set (RFC 7517 §5), read strictly. */
import type { webcrypto } from 'node:crypto';
import { isClaimList, isClaimMap } from '../../attributes/claim.ts';
import type { Claim } from '../../attributes/claim.ts';
import { JsonError, parseJson } from '../jwt/json.ts';
import { FetchError } from '../net/fetch-error.ts';
import type { KeySet } from '../proof.ts';
import { PublicKey, readPublicKey } from './public-key.ts';
import type { KeyFlaw } from './public-key.ts';

/** Issuers publish two or three; the largest sets (one key for each of many clients) some dozens. */
const MAX_KEYS = 100;

export interface ParsedKeySet {
  readonly keys: readonly PublicKey[];
  /** Keys that are not used, by what is wrong with them. */
  readonly flaws: ReadonlyMap<KeyFlaw, number>;
}

/**
 * `text`: byte string. A key that cannot be used is counted and left out; the others are used. Throws a
 * {@link FetchError} (`document`) when it is no set, or has more than 100 keys.
 */
export function parseKeySet(text: string): ParsedKeySet {
  const document = parseDocument(text);
  const list = isClaimMap(document) ? document.get('keys') : undefined;
  if (!isClaimList(list)) throw new FetchError('document', 'no key set: `keys` is no list');
  if (list.length > MAX_KEYS) throw new FetchError('document', `more than ${MAX_KEYS} keys`);
  const keys: PublicKey[] = [];
  const flaws = new Map<KeyFlaw, number>();
  for (const each of list) {
    const key = isClaimMap(each) ? readPublicKey(each) : 'not an object';
    if (key instanceof PublicKey) keys.push(key);
    else flaws.set(key, (flaws.get(key) ?? 0) + 1);
  }
  return { keys, flaws };
}

/** As {@link parseJson}, with the error of a fetch. */
export function parseDocument(text: string): Claim {
  try {
    return parseJson(text);
  } catch (error) {
    if (error instanceof JsonError) throw new FetchError('document', `no JSON: ${error.message} at ${error.offset}`);
    throw error;
  }
}

/** Of the process, so that no two sets of different keys have the same, whichever provider they are of. */
let lastVersion = 0;

/** Keys by their id. */
export class PublicKeySet implements KeySet {
  readonly version = ++lastVersion;
  readonly size: number;
  readonly #identity: string;
  readonly #byKid: ReadonlyMap<string | null, readonly PublicKey[]>;
  readonly #all: readonly PublicKey[];

  constructor(keys: readonly PublicKey[]) {
    this.size = keys.length;
    this.#all = keys;
    this.#byKid = Map.groupBy(keys, ({ kid }) => kid);
    this.#identity = identityOf(keys);
  }

  /** Whatever the order. */
  hasSameKeys(keys: readonly PublicKey[]): boolean {
    return this.#identity === identityOf(keys);
  }

  /**
   * A key without an id is nobody else's, so it is tried where none has the token's id, as in Envoy
   * (google/jwt_verify_lib src/verify.cc); a token without an id may be of any.
   */
  find(kid: string | null, algorithm: string): readonly webcrypto.CryptoKey[] {
    const keys = kid === null ? this.#all : (this.#byKid.get(kid) ?? this.#byKid.get(null) ?? []);
    return keys.map((key) => key.for(algorithm)).filter((key) => key !== null);
  }
}

function identityOf(keys: readonly PublicKey[]): string {
  return [...new Set(keys.map(({ identity }) => identity))].sort().join('\n');
}
