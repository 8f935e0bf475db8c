/** What a quantity did over time. */

export interface Point {
  readonly atMs: number;
  readonly value: number;
}

/** Least squares: by how much the value grows in an hour. 0 of fewer than two points. */
export function slopePerHour(points: readonly Point[]): number {
  const n = points.length;
  if (n < 2) return 0;
  const meanAt = points.reduce((sum, { atMs }) => sum + atMs, 0) / n;
  const meanValue = points.reduce((sum, { value }) => sum + value, 0) / n;
  let above = 0;
  let below = 0;
  for (const { atMs, value } of points) {
    above += (atMs - meanAt) * (value - meanValue);
    below += (atMs - meanAt) ** 2;
  }
  return below === 0 ? 0 : (above / below) * 3_600_000;
}

/** Without the first third, in which a process still grows into its work. */
export function lastTwoThirds(points: readonly Point[]): Point[] {
  const first = points[0]?.atMs ?? 0;
  const last = points.at(-1)?.atMs ?? 0;
  return points.filter(({ atMs }) => atMs >= first + (last - first) / 3);
}

const BARS = '▁▂▃▄▅▆▇█';

/** Means of as many stretches as there is room for, from 0 up to the largest. */
export function sparkline(values: readonly number[], width = 40): string {
  const stretches = Math.min(width, values.length);
  const means = Array.from({ length: stretches }, (_, i) => {
    const from = Math.floor((i * values.length) / stretches);
    const stretch = values.slice(from, Math.max(from + 1, Math.floor(((i + 1) * values.length) / stretches)));
    return stretch.reduce((sum, value) => sum + value, 0) / stretch.length;
  });
  const most = Math.max(...means);
  return means.map((mean) => BARS[most <= 0 ? 0 : Math.round((mean / most) * (BARS.length - 1))]).join('');
}
