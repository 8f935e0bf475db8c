/** Inputs that are nearly right: where readers are wrong, they are wrong about those. */
import type { Random } from '../lib/random.ts';

/** Bytes that mean something to some reader: ends of ranges, separators, lengths. */
const TELLING = Uint8Array.from([
  0x00, 0x01, 0x09, 0x0a, 0x0d, 0x20, 0x22, 0x23, 0x25, 0x2a, 0x2c, 0x2e, 0x2f, 0x30, 0x3a, 0x3b, 0x3d, 0x3f, 0x40,
  0x5b, 0x5c, 0x5d, 0x5f, 0x7b, 0x7d, 0x7e, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x86, 0xa0, 0xa3, 0xc0, 0xe2, 0xff,
]);
const MOST_CHANGES = 4;
const LONGEST_PIECE = 12;

/** One to four changes of one of the good inputs: bytes changed, left out, put in, doubled, or taken from another. */
export function mutated(good: readonly Uint8Array[], random: Random): Uint8Array {
  let bytes = good[random.int(good.length)]!;
  for (let left = 1 + random.int(MOST_CHANGES); left > 0; left--) bytes = changed(bytes, good, random);
  return bytes;
}

function changed(bytes: Uint8Array, good: readonly Uint8Array[], random: Random): Uint8Array {
  const at = random.int(bytes.length + 1);
  const length = random.int(LONGEST_PIECE) + 1;
  // Two of three leave the length as it is: of a message in a message nothing else is read any further.
  switch (random.chance(0.67) ? random.int(3) : 3 + random.int(4)) {
    case 0:
      return replaced(bytes, at, at + 1, Uint8Array.of(random.int(256)));
    case 1:
      return replaced(bytes, at, at + 1, Uint8Array.of(random.pick([...TELLING])));
    case 2:
      return replaced(bytes, at, at + 1, Uint8Array.of((bytes[at] ?? 0) ^ (1 << random.int(8))));
    case 3:
      return replaced(bytes, at, at + length, new Uint8Array());
    case 4:
      return replaced(
        bytes,
        at,
        at,
        Uint8Array.from({ length }, () => TELLING[random.int(TELLING.length)]!),
      );
    case 5:
      return replaced(bytes, at, at, bytes.subarray(at, at + length));
    default: {
      const other = good[random.int(good.length)]!;
      const from = random.int(other.length + 1);
      return replaced(bytes, at, at + random.int(length), other.subarray(from, from + length));
    }
  }
}

function replaced(bytes: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  const end = Math.min(bytes.length, to);
  const out = new Uint8Array(from + by.length + bytes.length - Math.max(from, end));
  out.set(bytes.subarray(0, from));
  out.set(by, from);
  out.set(bytes.subarray(Math.max(from, end)), from + by.length);
  return out;
}

/** The smallest that is still wrong, by leaving out pieces as long as that helps. `isWrong(bytes)` holds. */
export function shrunk(bytes: Uint8Array, isWrong: (bytes: Uint8Array) => boolean): Uint8Array {
  let smallest = bytes;
  for (let length = Math.max(1, bytes.length >> 1); length >= 1; length >>= 1) {
    for (let at = 0; at + length <= smallest.length;) {
      const shorter = replaced(smallest, at, at + length, new Uint8Array());
      if (isWrong(shorter)) smallest = shorter;
      else at += length;
    }
  }
  return smallest;
}
