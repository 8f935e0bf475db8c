/** How long checks took, as the service counts it: in buckets. */

export interface Histogram {
  /** Upper ends of the buckets, in seconds, rising. Behind the last one is a bucket without an end. */
  readonly boundsSeconds: readonly number[];
  /** How many fell into each bucket; one more than there are bounds. */
  readonly counts: readonly number[];
}

export interface Quantile {
  readonly seconds: number;
  /** It lies behind the last bound: that much, or more. */
  readonly orMore: boolean;
}

/**
 * The value below which the share `q` of all lies, taken to be spread evenly within its bucket, as Prometheus does.
 * null: nothing was counted.
 */
export function quantile({ boundsSeconds, counts }: Histogram, q: number): Quantile | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= 0) return null;
  const rank = Math.min(Math.max(q, 0), 1) * total;
  let below = 0;
  for (const [index, bound] of boundsSeconds.entries()) {
    const count = counts[index] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lower = index === 0 ? 0 : boundsSeconds[index - 1]!;
      return { seconds: lower + (bound - lower) * Math.max(0, (rank - below) / count), orMore: false };
    }
    below += count;
  }
  return { seconds: boundsSeconds.at(-1) ?? 0, orMore: true };
}

/** All of both. Histograms of different bounds have no sum: the second one is then taken alone. */
export function addHistograms(one: Histogram | null, other: Histogram): Histogram {
  if (one === null || !sameBounds(one, other)) return other;
  return { boundsSeconds: other.boundsSeconds, counts: other.counts.map((count, at) => count + (one.counts[at] ?? 0)) };
}

/** What came since `before`. Where that cannot be told (a restart, other bounds) it is all there is now. */
export function histogramSince(before: Histogram, now: Histogram): Histogram {
  if (!sameBounds(before, now)) return now;
  const counts = now.counts.map((count, at) => count - (before.counts[at] ?? 0));
  return counts.some((count) => count < 0) ? now : { boundsSeconds: now.boundsSeconds, counts };
}

function sameBounds(one: Histogram, other: Histogram): boolean {
  return (
    one.boundsSeconds.length === other.boundsSeconds.length &&
    one.boundsSeconds.every((bound, at) => bound === other.boundsSeconds[at])
  );
}
