/** What goes on failing is told of once in this time. */
const EVERY_MS = 60_000;

/** Tells of the first error, and then of one a minute. */
export function seldom(tell: (error: unknown) => void): (error: unknown) => void {
  let toldMs = Number.NEGATIVE_INFINITY;
  return (error) => {
    const nowMs = performance.now();
    if (nowMs - toldMs < EVERY_MS) return;
    toldMs = nowMs;
    tell(error);
  };
}
