/**
 * Seals: the last line of a batch, over its lines and the seal before. Each is signed, so each is a checkpoint: a
 * chain alone could be made anew by whoever changes the log.
 *
 * INVARIANT: hash = SHA-256(hash of the batch before, as its 32 bytes ‖ the bytes of the lines of the batch), from 32
 * zero bytes on; and what is signed is {@link sealedText}.
 */
import { createHash, createHmac, createPrivateKey, createPublicKey, sign, timingSafeEqual, verify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { iso, SCHEMA_VERSION } from './lines.ts';

export type SealMethod = 'hmac-sha256' | 'ed25519';

/** What stands before the first batch. */
export const FIRST_HASH = '0'.repeat(64);
/** RFC 2104 §3: a key shorter than the hash is weaker than it. */
const MIN_KEY_BYTES = 32;

export interface Seal {
  readonly stream: string;
  /** From 1 on. */
  readonly batch: number;
  /** Numbers of the first and last decision in the batch, as of the stream; `to` is `from` − 1 when there is none. */
  readonly from: number;
  readonly to: number;
  /** Decisions in the batch. */
  readonly records: number;
  readonly time: string;
  /** In hexadecimal. */
  readonly previous: string;
  readonly hash: string;
}

/** A key that is none, or of another kind. */
export class UnusableKey extends Error {
  override readonly name = 'UnusableKey';
}

export interface SealKey {
  readonly method: SealMethod;
  readonly id: string;
  sign(text: string): string;
}

export interface VerifyKey {
  readonly method: SealMethod;
  readonly id: string;
  verifies(text: string, signature: string): boolean;
}

/** @throws {@link UnusableKey} */
export function sealKey(method: SealMethod, content: Buffer): SealKey {
  if (method === 'hmac-sha256') {
    const hmac = hmacOf(content);
    return { method, id: hmacId(content), sign: hmac };
  }
  const key = ed25519(() => createPrivateKey(content), 'private');
  return {
    method,
    id: publicId(createPublicKey(key)),
    sign: (text) => sign(null, Buffer.from(text), key).toString('base64'),
  };
}

/** @throws {@link UnusableKey} */
export function verifyKey(method: SealMethod, content: Buffer): VerifyKey {
  if (method === 'hmac-sha256') {
    const hmac = hmacOf(content);
    return {
      method,
      id: hmacId(content),
      verifies: (text, signature) => isEqual(Buffer.from(hmac(text), 'base64'), Buffer.from(signature, 'base64')),
    };
  }
  const key = ed25519(() => createPublicKey(content), 'public');
  return {
    method,
    id: publicId(key),
    verifies: (text, signature) => verify(null, Buffer.from(text), key, Buffer.from(signature, 'base64')),
  };
}

/** Canonical, and never the text of anything else that the key could sign. */
export function sealedText(seal: Seal): string {
  const { stream, batch, from, to, records, time, previous, hash } = seal;
  return `${['portcullis-audit-seal-1', stream, batch, from, to, records, time, previous, hash].join('\n')}\n`;
}

export function chainHash(previous: string, lines: Uint8Array): string {
  return createHash('sha256').update(Buffer.from(previous, 'hex')).update(lines).digest('hex');
}

/** Seals the batches of one stream. */
export class Sealer {
  readonly #stream: string;
  readonly #key: SealKey;
  #batch = 0;
  #hash = FIRST_HASH;

  constructor(stream: string, key: SealKey) {
    this.#stream = stream;
    this.#key = key;
  }

  /** The line that ends the batch of these `lines`, and its hash. */
  seal(
    lines: Uint8Array,
    part: Pick<Seal, 'from' | 'to' | 'records'>,
    nowMs: number,
  ): { readonly line: string; readonly hash: string; readonly batch: number } {
    const previous = this.#hash;
    this.#hash = chainHash(previous, lines);
    const { from, to, records } = part;
    const seal: Seal = {
      stream: this.#stream,
      batch: ++this.#batch,
      from,
      to,
      records,
      time: iso(nowMs),
      previous,
      hash: this.#hash,
    };
    const { stream, time, ...rest } = seal;
    const line = JSON.stringify({
      level: 'info',
      time,
      msg: 'audit seal',
      schema: SCHEMA_VERSION,
      stream,
      ...rest,
      method: this.#key.method,
      key: this.#key.id,
      signature: this.#key.sign(sealedText(seal)),
    });
    return { line: `${line}\n`, hash: this.#hash, batch: this.#batch };
  }
}

function hmacOf(key: Buffer): (text: string) => string {
  if (key.length < MIN_KEY_BYTES) throw new UnusableKey(`the key has fewer than ${MIN_KEY_BYTES} bytes`);
  return (text) => createHmac('sha256', key).update(text).digest('base64');
}

/** Not the hash of the key itself, by which a weak one could be guessed cheaply. */
function hmacId(key: Buffer): string {
  return createHmac('sha256', key).update('portcullis-audit-key-id').digest('hex').slice(0, 16);
}

function publicId(key: KeyObject): string {
  return createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('hex')
    .slice(0, 16);
}

function ed25519(read: () => KeyObject, half: string): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    throw new UnusableKey(`it is no ${half} key in PEM form`, { cause });
  }
  if (key.asymmetricKeyType !== 'ed25519') throw new UnusableKey('it is no Ed25519 key');
  return key;
}

function isEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}
