/** Chance that can be repeated: the same seed gives the same numbers on every machine. */

export interface Random {
  /** From 0 to `below` - 1; `below` up to 2^32. */
  int(below: number): number;
  /** From 0 up to 1, 32 bits of it. */
  fraction(): number;
  pick<T>(values: readonly T[]): T;
  chance(probability: number): boolean;
}

/** sfc32 by Chris Doty-Humphrey (PractRand), which passes every test of that suite; 128 bits of state. */
export function random(seed: number): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = seed | 0;
  let counter = 1;
  const next = (): number => {
    const out = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + out) | 0;
    return out >>> 0;
  };
  // The first numbers of neighbouring seeds are alike.
  for (let i = 0; i < 16; i++) next();
  const fraction = (): number => next() / 2 ** 32;
  const int = (below: number): number => Math.floor(fraction() * below);
  return {
    int,
    fraction,
    pick: (values) => values[int(values.length)]!,
    chance: (probability) => fraction() < probability,
  };
}

/** A seed for those who gave none: it is printed, so that the run can be repeated. */
export function freshSeed(): number {
  return Date.now() & 0x7fffffff;
}

/** Draws 0 to `count` - 1, number k with a weight of 1 / (k + 1)^exponent (Zipf's law). */
export function zipf(count: number, exponent: number): (random: Random) => number {
  const upTo = new Float64Array(count);
  let sum = 0;
  for (let i = 0; i < count; i++) upTo[i] = sum += 1 / (i + 1) ** exponent;
  return (from) => {
    const wanted = from.fraction() * sum;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (upTo[middle]! > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
}
