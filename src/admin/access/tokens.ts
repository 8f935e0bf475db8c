/** The tokens that open the admin port: a file with one a line, read again when it changes. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { fileSignature } from './file-signature.ts';

/** Shorter ones can be guessed. 32 hexadecimal digits are 128 bits. */
const MIN_CHARACTERS = 32;
const MAX_CHARACTERS = 4096;
/** The old one and the new one while they are changed; a few for several tools. */
const MAX_TOKENS = 16;
const MAX_FILE_BYTES = 128 * 1024;
/** Between two looks at the file. */
const LOOK_MS = 1000;

/** The file cannot be used: for the operator. */
export class UnusableTokens extends Error {
  override readonly name = 'UnusableTokens';
}

export interface Tokens {
  /** Takes as long whichever it is. */
  has(token: string): boolean;
}

export class TokenFile implements Tokens {
  readonly #path: string;
  readonly #onProblem: (problem: string) => void;
  readonly #now: () => number;
  #digests: readonly Buffer[];
  #signature: string;
  #lookedMs: number;
  #problem = '';

  /**
   * `onProblem`: the file has changed and cannot be used; the tokens before stay.
   *
   * @throws {@link UnusableTokens}
   */
  constructor(path: string, onProblem: (problem: string) => void, now: () => number = () => performance.now()) {
    this.#path = path;
    this.#onProblem = onProblem;
    this.#now = now;
    this.#signature = fileSignature(path);
    this.#digests = readTokens(path);
    this.#lookedMs = now();
  }

  has(token: string): boolean {
    this.#look();
    const shown = digestOf(token);
    let found = false;
    // All of them, so that the time does not tell which one was nearly right.
    for (const digest of this.#digests) if (timingSafeEqual(digest, shown)) found = true;
    return found;
  }

  #look(): void {
    const nowMs = this.#now();
    if (nowMs - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = nowMs;
    const signature = fileSignature(this.#path);
    if (signature === this.#signature) return;
    try {
      this.#digests = readTokens(this.#path);
      this.#signature = signature;
      this.#problem = '';
    } catch (cause) {
      if (!(cause instanceof UnusableTokens)) throw cause;
      if (cause.message !== this.#problem) this.#onProblem(cause.message);
      this.#problem = cause.message;
    }
  }
}

function readTokens(path: string): readonly Buffer[] {
  let text: string;
  try {
    if (statSync(path).size > MAX_FILE_BYTES) throw new Error(`it is larger than ${MAX_FILE_BYTES} bytes`);
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new UnusableTokens(`${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause,
    });
  }
  const tokens = text.split(/\r?\n/).filter((line) => line !== '');
  if (tokens.length === 0 || tokens.length > MAX_TOKENS)
    throw new UnusableTokens(`${path} has to have 1 to ${MAX_TOKENS} tokens, one a line`);
  for (const token of tokens)
    if (token.length < MIN_CHARACTERS || token.length > MAX_CHARACTERS || !/^[\x21-\x7e]+$/.test(token))
      throw new UnusableTokens(
        `${path} has a token that is not ${MIN_CHARACTERS} to ${MAX_CHARACTERS} printable characters without blanks: make one with \`openssl rand -hex 32\``,
      );
  return tokens.map(digestOf);
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
