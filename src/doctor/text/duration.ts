/** Durations as protobuf JSON writes them (`0.200s`), and as Go does, which Istio takes too (`200ms`, `1m30s`). */

const UNIT_MS: Readonly<Record<string, number>> = { us: 0.001, µs: 0.001, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Longer is no duration, and a pattern has less to do. */
const MAX_LENGTH = 40;

/** Milliseconds; null when it is none. */
export function durationMs(text: string): number | null {
  if (text.length > MAX_LENGTH || !/^(?:\d+(?:\.\d*)?(?:us|µs|ms|s|m|h))+$/.test(text)) return null;
  let sum = 0;
  for (const [, count, unit] of text.matchAll(/(\d+(?:\.\d*)?)(us|µs|ms|s|m|h)/g))
    sum += Number(count) * UNIT_MS[unit!]!;
  return sum;
}
