/** Characters of base64url (RFC 4648 §5), by code. */
const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const SEXTETS = new Int8Array(256).fill(-1);
for (let i = 0; i < ALPHABET.length; i++) SEXTETS[ALPHABET.charCodeAt(i)] = i;

/**
 * base64url without padding (RFC 7515 §2), or null. Strict: no padding, no white space, and the bits of the last
 * character that belong to no byte are 0, so that one value has one spelling (RFC 4648 §3.5).
 */
export function decodeBase64url(text: string): Buffer | null {
  const rest = text.length % 4;
  if (rest === 1) return null;
  let last = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    last = code < 256 ? SEXTETS[code]! : -1;
    if (last < 0) return null;
  }
  if ((rest === 2 && (last & 0x0f) !== 0) || (rest === 3 && (last & 0x03) !== 0)) return null;
  return Buffer.from(text, 'base64url');
}
