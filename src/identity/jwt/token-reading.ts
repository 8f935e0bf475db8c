/** What a token's text comes to, found out once for all who ask about it one after the other. */
import { hash } from 'node:crypto';
import { MAX_TOKEN_LENGTH, parseJws } from './jws.ts';
import type { Jws, JwsFlaw } from './jws.ts';

export class TokenReading {
  readonly token: string;
  #jws: Jws | JwsFlaw | null = null;
  #digest: string | null = null;

  constructor(token: string) {
    this.token = token;
  }

  get jws(): Jws | JwsFlaw {
    return (this.#jws ??= parseJws(this.token));
  }

  /** SHA-256 of the text, base64url. */
  get digest(): string {
    return (this.#digest ??= hash('sha256', this.token, 'base64url'));
  }
}

/** As many as one provider finds in a request. Readings are large: a token of small objects is some hundred KiB. */
const MAX_RECENT = 4;

const recent: TokenReading[] = [];
let next = 0;

/**
 * The reading of a token among the last few. All rules of a workload ask about the same tokens, most of the time in one
 * turn: a long token would be read again for each, at a millisecond a time, by who needs no good one for it.
 */
export function readToken(token: string): TokenReading {
  for (const reading of recent) if (reading.token === token) return reading;
  const reading = new TokenReading(token);
  // A longer one is refused before it is read.
  if (token.length > MAX_TOKEN_LENGTH) return reading;
  recent[next] = reading;
  next = (next + 1) % MAX_RECENT;
  return reading;
}
