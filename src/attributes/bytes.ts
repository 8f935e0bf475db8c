/**
 * Byte strings: JavaScript strings in which each char code is one byte (0 to 255).
 *
 * Envoy compares bytes, headers need not be UTF-8, and a lossy decoder would map different inputs to
 * one string (two requests, one cache key). So every attribute is decoded as latin1, which is exact
 * and the cheapest decoding V8 has, and what policies say is turned into UTF-8 bytes at load.
 */

/** Text as people wrote it → the byte string that Envoy would send for it. */
export function toByteString(text: string): string {
  return isAscii(text) ? text : Buffer.from(text, 'utf8').toString('latin1');
}

/** Byte string → text for people; bytes that are no UTF-8 become U+FFFD. Never used to decide. */
export function toText(bytes: string): string {
  return isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString('utf8');
}

/** Byte string → text, or null when it is not well-formed UTF-8. */
export function toTextStrict(bytes: string): string | null {
  if (isAscii(bytes)) return bytes;
  return isUtf8(bytes) ? Buffer.from(bytes, 'latin1').toString('utf8') : null;
}

export function isAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return false;
  return true;
}

/** Well-formed UTF-8 (RFC 3629: no overlong forms, no surrogates, nothing past U+10FFFF). */
export function isUtf8(bytes: string): boolean {
  for (let i = 0; i < bytes.length;) {
    const lead = bytes.charCodeAt(i++);
    if (lead < 0x80) continue;
    let more: number;
    let low = 0x80;
    let high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) more = 1;
    else if (lead >= 0xe0 && lead <= 0xef) {
      more = 2;
      if (lead === 0xe0) low = 0xa0;
      if (lead === 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
      more = 3;
      if (lead === 0xf0) low = 0x90;
      if (lead === 0xf4) high = 0x8f;
    } else return false;
    for (; more > 0; more--) {
      const next = bytes.charCodeAt(i++);
      // A read past the end gives NaN, which fails this comparison as it should.
      if (!(next >= low && next <= high)) return false;
      low = 0x80;
      high = 0xbf;
    }
  }
  return true;
}

/** ASCII letters only: bytes above 0x7f are left alone, unlike String.prototype.toLowerCase. */
export function asciiLowerCase(text: string): string {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= 0x41 && code <= 0x5a) return lowerFrom(text, i);
    if (code > 0x7f) return lowerFrom(text, i);
  }
  return text;
}

function lowerFrom(text: string, start: number): string {
  let out = text.slice(0, start);
  for (let i = start; i < text.length; i++) {
    const code = text.charCodeAt(i);
    out += code >= 0x41 && code <= 0x5a ? String.fromCharCode(code + 32) : text[i]!;
  }
  return out;
}

/** Value of a hexadecimal digit, or -1. */
export function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  if (code >= 0x41 && code <= 0x46) return code - 0x37;
  if (code >= 0x61 && code <= 0x66) return code - 0x57;
  return -1;
}

/** HTTP `token` (RFC 9110 §5.6.2): what a method or a header name may be. */
export function isToken(text: string): boolean {
  if (text.length === 0) return false;
  for (let i = 0; i < text.length; i++) if (!isTokenCode(text.charCodeAt(i))) return false;
  return true;
}

const TOKEN_PUNCTUATION = new Set([..."!#$%&'*+-.^_`|~"].map((c) => c.charCodeAt(0)));

function isTokenCode(code: number): boolean {
  return (
    (code >= 0x61 && code <= 0x7a) ||
    (code >= 0x41 && code <= 0x5a) ||
    (code >= 0x30 && code <= 0x39) ||
    TOKEN_PUNCTUATION.has(code)
  );
}
