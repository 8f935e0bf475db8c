/**
 * The Huffman code of HPACK (RFC 7541 §5.2 and Appendix B), read four bits at a time: each step is one look-up in a table
 * of all places in the code tree.
 */
import { HpackError } from './hpack-error.ts';

const EOS = 256;

/**
 * Bits of the code of each byte, and of EOS at the end. The code is canonical: ordered by length and then by symbol, each
 * code is the one before plus one, so the lengths are all there is to know.
 */
// prettier-ignore
const CODE_BITS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];

/** §5.2: padding is "the most-significant bits of the code for the EOS symbol", all ones, and shorter than a byte. */
const LONGEST_PADDING_BITS = 7;

/**
 * A step: the next place in the low byte, the symbol above it, and then three flags. Places are the inner nodes of the
 * tree, 256 of them.
 */
const EMITS = 1 << 16;
const FAILS = 1 << 17;
/** The place that is reached is one in which a string may end. */
const MAY_END = 1 << 18;

const STEPS: Int32Array = buildSteps();

/**
 * Decodes `bytes` from `start` to `end` into `target`, which must hold 8/5 of them. Returns how many bytes came out.
 * Throws {@link HpackError} for EOS in the string and for padding that is none.
 */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number, target: Uint8Array): number {
  let length = 0;
  let step = MAY_END;
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    step = STEPS[((step & 0xff) << 4) | (byte >> 4)]!;
    if (step & EMITS) target[length++] = step >> 8;
    const failed = step & FAILS;
    step = STEPS[((step & 0xff) << 4) | (byte & 0x0f)]!;
    if (step & EMITS) target[length++] = step >> 8;
    if ((failed | step) & FAILS) throw new HpackError('EOS in a string');
  }
  if ((step & MAY_END) === 0) throw new HpackError('bad padding of a string');
  return length;
}

/** Inner nodes are positive; leaves are `~symbol`, negative; 0 is the root, which is nobody's child. */
function buildTree(): number[][] {
  const symbols = CODE_BITS.map((_bits, symbol) => symbol).sort((a, b) => CODE_BITS[a]! - CODE_BITS[b]! || a - b);
  const nodes: number[][] = [[0, 0]];
  let code = 0;
  let bits = 0;
  for (const symbol of symbols) {
    code *= 2 ** (CODE_BITS[symbol]! - bits);
    bits = CODE_BITS[symbol]!;
    let node = 0;
    for (let bit = bits - 1; bit > 0; bit--) {
      const side = (code >>> bit) & 1;
      if (nodes[node]![side] === 0) nodes[node]![side] = nodes.push([0, 0]) - 1;
      node = nodes[node]![side]!;
    }
    nodes[node]![code & 1] = ~symbol;
    code++;
  }
  return nodes;
}

function buildSteps(): Int32Array {
  const nodes = buildTree();
  const mayEnd = new Set<number>();
  for (let node = 0, bits = 0; bits <= LONGEST_PADDING_BITS; bits++) {
    mayEnd.add(node);
    node = nodes[node]![1]!;
  }
  const steps = new Int32Array(nodes.length * 16);
  for (let from = 0; from < nodes.length; from++) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = from;
      let flags = 0;
      for (let bit = 3; bit >= 0; bit--) {
        const next = nodes[node]![(nibble >> bit) & 1]!;
        if (next >= 0) {
          node = next;
        } else {
          // The shortest code has five bits: four never end two of them.
          flags |= ~next === EOS ? FAILS : EMITS | (~next << 8);
          node = 0;
        }
      }
      steps[(from << 4) | nibble] = node | flags | (mayEnd.has(node) ? MAY_END : 0);
    }
  }
  return steps;
}
