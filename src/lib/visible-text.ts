/**
 * Text from outside, made safe to show: on a terminal, in a log line, in a report. What cannot be
 * seen (controls, direction marks, line separators) is written as an escape, so that nothing that a
 * client sends can start a new line, recolour a terminal or reorder what a person reads.
 */

/** Printable ASCII without the backslash: by far the most texts, shown as they are. */
const PLAIN = /^[\x20-\x5b\x5d-\x7e]*$/;

/**
 * C0 and C1 controls, DEL, backslash, line and paragraph separator, direction marks and overrides
 * (Unicode TR 36 §3), zero-width characters, the byte order mark, lone surrogates.
 */
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\\\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu;

/** Escapes what cannot be seen: `\x1b`, `\u{202e}`, and the backslash itself, so that it stays readable back. */
export function visibleText(text: string): string {
  return PLAIN.test(text) ? text : text.replace(UNSEEN, escapeCharacter);
}

/**
 * As {@link visibleText} for a byte string (each character is one byte) that should be UTF-8. Bytes
 * that are none are shown as `\xNN`. At most `maxBytes` bytes are shown; what is cut off is counted.
 */
export function visibleBytes(bytes: string, maxBytes: number): string {
  const cut = bytes.length > maxBytes;
  const shown = cut ? bytes.slice(0, maxBytes) : bytes;
  const text = PLAIN.test(shown) ? shown : decode(shown);
  return cut ? `${text}…(+${bytes.length - maxBytes} bytes)` : text;
}

function decode(bytes: string): string {
  const buffer = Buffer.from(bytes, 'latin1');
  const text = UTF8.decode(buffer);
  // Valid UTF-8 without a real U+FFFD in it: nothing was replaced.
  if (!text.includes('\ufffd')) return visibleText(text);
  let result = '';
  let start = 0;
  for (let at = 0; at < buffer.length;) {
    const length = sequenceLength(buffer, at);
    if (length > 0) {
      at += length;
      continue;
    }
    result += visibleText(UTF8.decode(buffer.subarray(start, at))) + hexByte(buffer[at]!);
    start = at += 1;
  }
  return result + visibleText(UTF8.decode(buffer.subarray(start)));
}

/** `ignoreBOM`: a byte order mark is text like any other here, and is shown as an escape. */
const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });

/**
 * Bytes of the well-formed UTF-8 sequence at `at` (Unicode, table 3-7); 0 when there is none. Whoever sends the bytes must not be
 * able to make this dear: a decoder that throws takes microseconds for each that is wrong.
 */
function sequenceLength(buffer: Buffer, at: number): number {
  const first = buffer[at]!;
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const second = buffer[at + 1] ?? 0;
  const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
  const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
  if (second < lowest || second > highest) return 0;
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  for (let i = at + 2; i < at + length; i++) if (((buffer[i] ?? 0) & 0xc0) !== 0x80) return 0;
  return length;
}

function escapeCharacter(character: string): string {
  if (character === '\\') return '\\\\';
  const code = character.codePointAt(0) ?? 0;
  return code <= 0xff ? hexByte(code) : `\\u{${code.toString(16)}}`;
}

function hexByte(value: number): string {
  return `\\x${value.toString(16).padStart(2, '0')}`;
}
