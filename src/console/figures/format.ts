/** Numbers and times for people: short, and the same everywhere. */

const WHOLE = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

/** `1,234`; from a million on `1.2M`. */
export function count(value: number): string {
  return value < 1_000_000 ? WHOLE.format(value) : SHORT.format(value);
}

/** `0`, `0.4`, `12`, `1.2K`. */
export function rate(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 0.05) return '< 0.1';
  return perSecond < 10 ? perSecond.toFixed(1) : SHORT.format(Math.round(perSecond));
}

/** `87 µs`, `1.4 ms`, `2.0 s`. */
export function duration(seconds: number): string {
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  if (seconds < 1) return `${threeDigits(seconds * 1000)} ms`;
  return `${threeDigits(seconds)} s`;
}

function threeDigits(value: number): string {
  return value < 10 ? value.toFixed(1) : Math.round(value).toString();
}

/** `98.7 %`; `100 %` only when it is. */
export function percent(share: number): string {
  if (share >= 1) return '100 %';
  const shown = Math.floor(share * 1000) / 10;
  return share > 0 && shown === 0 ? '< 0.1 %' : `${shown} %`;
}

const UNITS = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1000],
] as const;

/** `3 minutes`, `1 day`: the largest unit alone. */
export function span(ms: number): string {
  const [unit, size] = UNITS.find(([, each]) => ms >= each) ?? ['second', 1000];
  const whole = Math.max(0, Math.floor(ms / size));
  return `${whole} ${unit}${whole === 1 ? '' : 's'}`;
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

/** `18:04:07`, where the reader is. */
export function clock(ms: number): string {
  return CLOCK.format(ms);
}

const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

/** `24 Nov 2026, 18:04:07`. */
export function date(ms: number): string {
  return DATE.format(ms);
}
