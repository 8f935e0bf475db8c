/** Tokens that are no longer good though their time is not over: looked at for each request, cached results too. */
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import { isClaimList, isClaimMap } from '../../attributes/claim.ts';
import { toText } from '../../attributes/bytes.ts';
import { runSteps } from '../../lib/steps.ts';
import type { Steps } from '../../lib/steps.ts';
import { JsonError, parseJsonInSteps } from '../jwt/json.ts';
import type { ElementReader } from '../jwt/json.ts';
import { ownCopy } from '../own-copy.ts';

/** Some hundred bytes each in memory. A service that revokes more wants shorter tokens. */
export const MAX_REVOCATIONS = 100_000;

/** Of the text, in characters: an entry is some hundred. */
const MAX_LENGTH = 32 * 1024 * 1024;

/** An issuer is a URL, a subject or token id a name; longer ones are a mistake in the list. */
const MAX_STRING_LENGTH = 2048;

const LIST = 'revoked';

/** The entry or byte at fault and what is wrong with it, in one line for people. */
export class RevocationError extends Error {
  override readonly name = 'RevocationError';
}

let lastVersion = 0;

/**
 * JSON: `{"revoked": [ENTRY, …]}`, where an entry is `{"iss", "jti"}` (that token) or `{"iss", "sub", "issuedBefore"}`
 * (what that subject had been given before then, seconds since the epoch). By id and never by a hash of the token: the
 * same token has several signatures (ECDSA), so several hashes.
 */
export class RevocationList {
  static readonly NONE: RevocationList = new RevocationList(new Set(), new Map());

  /** Another for each list that was read: part of cache keys of what was decided with it. */
  readonly version = ++lastVersion;
  readonly #tokens: ReadonlySet<string>;
  readonly #subjects: ReadonlyMap<string, number>;

  private constructor(tokens: ReadonlySet<string>, subjects: ReadonlyMap<string, number>) {
    this.#tokens = tokens;
    this.#subjects = subjects;
  }

  /**
   * `text` is UTF-8 as a byte string. A list with any mistake is none: half of one would let in who was to stay out.
   *
   * @throws {RevocationError}
   */
  static parse(text: string): RevocationList {
    return runSteps(RevocationList.parseInSteps(text));
  }

  /** As {@link parse}: half a second's work for the longest lists. */
  static *parseInSteps(text: string): Steps<RevocationList> {
    const tokens = new Set<string>();
    const subjects = new Map<string, number>();
    yield* readEntries(text, (entry, index) => {
      const iss = string(entry, 'iss', index);
      if (entry.has('jti')) {
        only(entry, ['iss', 'jti'], index);
        tokens.add(ownCopy(keyOf(iss, string(entry, 'jti', index))));
      } else {
        only(entry, ['iss', 'sub', 'issuedBefore'], index);
        const key = ownCopy(keyOf(iss, string(entry, 'sub', index)));
        subjects.set(key, Math.max(seconds(entry, index), subjects.get(key) ?? 0));
      }
    });
    return new RevocationList(tokens, subjects);
  }

  get size(): number {
    return this.#tokens.size + this.#subjects.size;
  }

  /**
   * `claims` of a verified token. A token that does not say when it was issued was issued before anything; one that says
   * that it will be issued in the future is no older than now.
   */
  isRevoked(claims: ClaimMap, nowMs: number): boolean {
    if (this.size === 0) return false;
    const iss = claims.get('iss');
    if (typeof iss !== 'string') return false;
    const jti = claims.get('jti');
    if (typeof jti === 'string' && this.#tokens.has(keyOf(iss, jti))) return true;
    const sub = claims.get('sub');
    const before = typeof sub === 'string' ? this.#subjects.get(keyOf(iss, sub)) : undefined;
    if (before === undefined) return false;
    const iat = claims.get('iat');
    return typeof iat !== 'number' || !(Math.min(iat, nowMs / 1000) >= before);
  }
}

/** Gives each entry to `take`. */
function* readEntries(text: string, take: (entry: ClaimMap, index: number) => void): Steps<void> {
  if (text.length > MAX_LENGTH) throw new RevocationError(`longer than ${MAX_LENGTH} bytes`);
  const root = yield* parse(text, (member, index, entry) => {
    if (member !== LIST || index >= MAX_REVOCATIONS) return null;
    if (!isClaimMap(entry)) throw new RevocationError(`revoked[${index}] is not an object`);
    take(entry, index);
    return null;
  });
  if (!isClaimMap(root)) throw new RevocationError('not an object with the member `revoked`');
  const unknown = [...root.keys()].find((name) => name !== LIST);
  if (unknown !== undefined) throw new RevocationError(`unknown member ${shown(unknown)}`);
  const entries = root.get(LIST);
  if (!isClaimList(entries)) throw new RevocationError('`revoked` is not a list');
  if (entries.length > MAX_REVOCATIONS) {
    throw new RevocationError(`${entries.length} entries, more than ${MAX_REVOCATIONS}`);
  }
}

function* parse(text: string, read: ElementReader): Steps<Claim> {
  try {
    return yield* parseJsonInSteps(text, read);
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    const before = text.slice(0, error.offset);
    const column = before.length - before.lastIndexOf('\n');
    let line = 1;
    for (let at = before.indexOf('\n'); at >= 0; at = before.indexOf('\n', at + 1)) line++;
    throw new RevocationError(`line ${line}, column ${column}: ${error.message}`, { cause: error });
  }
}

function string(entry: ClaimMap, name: string, index: number): string {
  const value = entry.get(name);
  if (typeof value !== 'string' || value === '' || value.length > MAX_STRING_LENGTH) {
    const problem = value === undefined ? 'missing' : `not a string of 1 to ${MAX_STRING_LENGTH} bytes`;
    throw new RevocationError(`revoked[${index}].${name} is ${problem}`);
  }
  return value;
}

function seconds(entry: ClaimMap, index: number): number {
  const value = entry.get('issuedBefore');
  // Milliseconds in place of seconds would be a date after the year 5000.
  if (typeof value !== 'number' || value < 0 || value > 1e11) {
    const problem = value === undefined ? 'missing' : 'not a number of seconds since the epoch';
    throw new RevocationError(`revoked[${index}].issuedBefore is ${problem}`);
  }
  return value;
}

function only(entry: ClaimMap, names: readonly string[], index: number): void {
  const unknown = [...entry.keys()].find((name) => !names.includes(name));
  if (unknown !== undefined) throw new RevocationError(`revoked[${index}] has the unknown member ${shown(unknown)}`);
}

function shown(name: string): string {
  return `\`${toText(name.slice(0, 64))}\``;
}

/** The length in front, so that no two pairs have one key. */
function keyOf(iss: string, other: string): string {
  return `${iss.length}:${iss}${other}`;
}
