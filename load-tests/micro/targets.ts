/** What the engine is to reach, and what each figure of a run makes of it. */
import type { Target } from './shapes/shape.ts';

/** Microseconds, seconds and bytes. */
export const TARGETS = Object.freeze({
  /** Of cost at the largest size over cost at the smallest. */
  growth: { flat: 1.5, adversarial: 3 },
  uncachedUs: { flat: 10, adversarial: 50 },
  cachedUs: 1,
  buildSeconds: 3,
  heapBytesPerRule: 600,
  /** Targets are about sets of this many rules, against sets of {@link smallRules}. */
  rules: 100_000,
  smallRules: 100,
});

export interface Figures {
  readonly rules: number;
  /** Medians. The slowest kind of request. */
  readonly worstUs: number;
  readonly cachedUs: number;
  readonly buildSeconds: number;
  readonly heapBytesPerRule: number;
}

export interface Verdict {
  readonly what: 'growth' | 'uncached' | 'cached' | 'build' | 'heap';
  readonly measured: number;
  readonly limit: number;
  readonly met: boolean;
}

/** `growth` is null when it was not measured. Nothing is said of a shape without target, nor of smaller sets. */
export function verdicts(target: Target, figures: Figures, growth: number | null): Verdict[] {
  if (figures.rules !== TARGETS.rules) return [];
  const verdict = (what: Verdict['what'], measured: number, limit: number): Verdict => ({
    what,
    measured,
    limit,
    met: measured <= limit,
  });
  const common = [
    verdict('cached', figures.cachedUs, TARGETS.cachedUs),
    verdict('build', figures.buildSeconds, TARGETS.buildSeconds),
    verdict('heap', figures.heapBytesPerRule, TARGETS.heapBytesPerRule),
  ];
  if (target === 'none') return common;
  return [
    ...(growth === null ? [] : [verdict('growth', growth, TARGETS.growth[target])]),
    verdict('uncached', figures.worstUs, TARGETS.uncachedUs[target]),
    ...common,
  ];
}
