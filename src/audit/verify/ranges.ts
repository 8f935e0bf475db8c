/** Numbers from 1 on, as ranges: which ones are there, and which are not. */
export type Range = readonly [first: number, last: number];

export class Ranges {
  /** In order, apart from each other. */
  #ranges: [number, number][] = [];

  has(number: number): boolean {
    const at = this.#ranges.findLast(([first]) => first <= number);
    return at !== undefined && number <= at[1];
  }

  hasAll(first: number, last: number): boolean {
    const at = this.#ranges.findLast(([start]) => start <= first);
    return first > last || (at !== undefined && last <= at[1]);
  }

  add(first: number, last: number): void {
    if (first > last) return;
    const end = this.#ranges.at(-1);
    if (end === undefined || first > end[1] + 1) {
      this.#ranges.push([first, last]);
      return;
    }
    if (first === end[1] + 1) {
      end[1] = last;
      return;
    }
    const all = [...this.#ranges, [first, last] as [number, number]].sort(([a], [b]) => a - b);
    const merged: [number, number][] = [];
    for (const [start, stop] of all) {
      const before = merged.at(-1);
      if (before !== undefined && start <= before[1] + 1) before[1] = Math.max(before[1], stop);
      else merged.push([start, stop]);
    }
    this.#ranges = merged;
  }

  /** Of `from` to `to`. */
  holes(from: number, to: number): readonly Range[] {
    const holes: Range[] = [];
    let next = from;
    for (const [first, last] of this.#ranges) {
      if (first > to) break;
      if (first > next) holes.push([next, first - 1]);
      next = Math.max(next, last + 1);
    }
    if (next <= to) holes.push([next, to]);
    return holes;
  }
}

export function rangeText([first, last]: Range): string {
  return first === last ? String(first) : `${first}–${last}`;
}
