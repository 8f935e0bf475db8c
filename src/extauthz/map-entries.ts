/**
 * The entries of a protobuf map, in an order of their own. Senders write maps in any order, C++ in another one each time:
 * the bytes of two requests that say the same would hardly ever be the same.
 */

/** More are left as they came: sorting them costs more than it brings. */
const MAX_ENTRIES = 16;
const KEY = 0x0a;
const VALUE = 0x12;
/** Lengths of one byte. Keys of maps that Envoy sends are names. */
const MAX_KEY_BYTES = 127;

/**
 * Sorts `ranges` (start, end, start, end, …) of the entries of one `map<string, string>` by their keys, if each of them
 * is a key and a value and nothing else; leaves all as it is if not. Of two with one key the last counts, and stays last.
 */
export function sortMapEntries(bytes: Uint8Array, ranges: number[]): void {
  const count = ranges.length / 2;
  if (count < 2 || count > MAX_ENTRIES) return;
  for (let at = 0; at < ranges.length; at += 2) if (!isPlainEntry(bytes, ranges[at]!, ranges[at + 1]!)) return;
  // By insertion, which is stable: there are few.
  for (let next = 2; next < ranges.length; next += 2) {
    const start = ranges[next]!;
    const end = ranges[next + 1]!;
    let at = next;
    while (at > 0 && compareKeys(bytes, ranges[at - 2]!, start) > 0) {
      ranges[at] = ranges[at - 2]!;
      ranges[at + 1] = ranges[at - 1]!;
      at -= 2;
    }
    ranges[at] = start;
    ranges[at + 1] = end;
  }
}

function isPlainEntry(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < 2 || bytes[start] !== KEY) return false;
  const keyLength = bytes[start + 1]!;
  const keyEnd = start + 2 + keyLength;
  if (keyLength > MAX_KEY_BYTES || keyEnd > end) return false;
  // An empty value may be left out.
  if (keyEnd === end) return true;
  if (bytes[keyEnd] !== VALUE) return false;
  let length = 0;
  for (let at = keyEnd + 1, shift = 0; at < end && shift <= 21; at++, shift += 7) {
    const byte = bytes[at]!;
    length += (byte & 0x7f) << shift;
    if (byte < 0x80) return at + 1 + length === end;
  }
  return false;
}

function compareKeys(bytes: Uint8Array, one: number, other: number): number {
  const oneLength = bytes[one + 1]!;
  const otherLength = bytes[other + 1]!;
  const length = Math.min(oneLength, otherLength);
  for (let i = 2; i < length + 2; i++) {
    const difference = bytes[one + i]! - bytes[other + i]!;
    if (difference !== 0) return difference;
  }
  return oneLength - otherLength;
}
