/**
 * The little of DER (ITU-T X.690 §8 and §10) that reading names out of a certificate takes.
 * Definite lengths only; nothing is read past its container.
 */
export interface DerValue {
  /** Identifier octet: class, constructed bit and tag number (high tag numbers are refused). */
  readonly tag: number;
  readonly content: Uint8Array;
}

export class DerError extends Error {
  override readonly name = 'DerError';
}

export const SEQUENCE = 0x30;
export const SET = 0x31;
export const OBJECT_IDENTIFIER = 0x06;
export const OCTET_STRING = 0x04;
export const BOOLEAN = 0x01;
export const INTEGER = 0x02;

/** The values that stand one after the other in `bytes`. Throws {@link DerError}. */
export function readDer(bytes: Uint8Array): DerValue[] {
  const values: DerValue[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at++]!;
    if ((tag & 0x1f) === 0x1f) throw new DerError('high tag number');
    let length = bytes[at++];
    if (length === undefined) throw new DerError('no length');
    if (length >= 0x80) {
      const octets = length & 0x7f;
      // 0 octets is the indefinite form, which DER forbids; 4 would be more than any certificate.
      if (octets === 0 || octets > 3) throw new DerError('length form');
      length = 0;
      for (let i = 0; i < octets; i++) {
        const octet = bytes[at++];
        if (octet === undefined) throw new DerError('cut length');
        length = length * 256 + octet;
      }
      if (length < Math.max(0x80, 256 ** (octets - 1))) throw new DerError('length not minimal');
    }
    if (at + length > bytes.length) throw new DerError('cut value');
    values.push({ tag, content: bytes.subarray(at, at + length) });
    at += length;
  }
  return values;
}

/** The bytes that a value was read from: DER has one way only to write a length. */
export function encodingOf({ tag, content }: DerValue): Buffer {
  const length = content.length;
  const octets = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  const header = length < 0x10000 ? octets : [0x83, length >> 16, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Uint8Array.from([tag, ...header]), content]);
}

/** Dotted form of an OBJECT IDENTIFIER's content. */
export function readOid(content: Uint8Array): string {
  const arcs: number[] = [];
  let arc = 0;
  for (let i = 0; i < content.length; i++) {
    const octet = content[i]!;
    if (arc > 0xffffff) throw new DerError('object identifier arc');
    arc = arc * 128 + (octet & 0x7f);
    if (octet < 0x80) {
      if (arcs.length === 0) {
        const first = Math.min(2, Math.floor(arc / 40));
        arcs.push(first, arc - first * 40);
      } else arcs.push(arc);
      arc = 0;
    } else if (i === content.length - 1) throw new DerError('cut object identifier');
  }
  return arcs.join('.');
}
