/** Where things stand in a chart. */

/** The least round number at or above `value`: 1, 2 or 5 and zeros. */
export function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  // 0.3 / 0.1 is a little less than 3.
  const lead = value / power - 1e-9;
  return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

export interface Point {
  readonly x: number;
  readonly y: number;
}

/** What is known without a break: a null is one. */
export function runs<T>(items: readonly (T | null)[]): readonly (readonly T[])[] {
  const found: T[][] = [];
  let run: T[] | null = null;
  for (const item of items) {
    if (item === null) run = null;
    else if (run === null) found.push((run = [item]));
    else run.push(item);
  }
  return found;
}

/** `d` of an SVG path along the points. One point alone is a short stroke, so that it can be seen. */
export function linePath(points: readonly Point[]): string {
  const [first] = points;
  if (first === undefined) return '';
  const rest = points.length === 1 ? [{ x: first.x + 1, y: first.y }] : points.slice(1);
  return `M${place(first)}${rest.map((point) => `L${place(point)}`).join('')}`;
}

/** `d` of the area between two lines of the same length. */
export function areaPath(upper: readonly Point[], lower: readonly Point[]): string {
  if (upper.length < 2) return '';
  const back = lower.toReversed();
  return `M${place(upper[0]!)}${[...upper.slice(1), ...back].map((point) => `L${place(point)}`).join('')}Z`;
}

function place({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}
