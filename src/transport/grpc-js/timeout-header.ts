/**
 * `grpc-timeout` (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md): up to eight digits and a unit.
 * grpc-js keeps it as a 32-bit number of milliseconds, in which more than 24.8 days wraps around and can be in the
 * past, so that the call would fail at once. Such a deadline is as good as none.
 */
import type { IncomingHttpHeaders } from 'node:http2';

const LARGEST_TIMER_MS = 2 ** 31 - 1;
/** The units that can reach that far. */
const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
]);

export function dropEndlessTimeout(headers: IncomingHttpHeaders): void {
  const timeout = headers['grpc-timeout'];
  if (typeof timeout !== 'string') return;
  const unitMs = UNIT_MS.get(timeout.slice(-1));
  if (unitMs !== undefined && Number(timeout.slice(0, -1)) * unitMs > LARGEST_TIMER_MS) delete headers['grpc-timeout'];
}
