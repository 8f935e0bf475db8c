import type { StringNode } from '../parse/expect.ts';
import { positionOf } from '../parse/node.ts';
import type { Context } from '../validate/value-check.ts';

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A fetch that takes longer is given up in any case. */
const MAX_TIMEOUT_MS = 60_000;

/**
 * A timeout as Istio writes it (Go's time.ParseDuration): `5s`, `1m30s`, `500ms`; whole milliseconds, at least one.
 * More than a minute counts as a minute. Milliseconds; null: none (reported).
 */
export function readTimeout(text: StringNode, { report }: Context): number | null {
  const parts = [...text.value.matchAll(/(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h)/g)];
  const ms = parts.reduce((sum, [, amount, unit]) => sum + Number(amount) * UNIT_MS[unit!]!, 0);
  const rounded = Math.round(ms);
  if (
    parts.length > 0 &&
    parts.map(([part]) => part).join('') === text.value &&
    Math.abs(ms - rounded) < 1e-6 &&
    rounded >= 1
  )
    return Math.min(rounded, MAX_TIMEOUT_MS);
  report.error(
    'bad-value',
    positionOf(text),
    `\`${text.value}\` is not a timeout`,
    'write it with its unit, e.g. `5s` or `500ms`',
  );
  return null;
}
