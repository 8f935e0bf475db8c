import { describe, expect, test } from '@jest/globals';
import { runSteps, runStepsInSlices } from '../../src/lib/steps.ts';
import type { Steps } from '../../src/lib/steps.ts';

/** Each step is as long as a slice may be, so that each is a slice of its own. */
function* count(to: number, before: (step: number) => void = () => undefined): Steps<number> {
  for (let step = 1; step <= to; step++) {
    yield;
    const end = performance.now() + 5;
    while (performance.now() < end);
    before(step);
  }
  return to;
}

describe('steps', () => {
  test('come to the same result at once and in slices', async () => {
    expect(runSteps(count(3))).toBe(3);
    expect(await runStepsInSlices(count(3))).toBe(3);
  });

  test('let the event loop turn between slices', async () => {
    const seen: string[] = [];
    const others = setInterval(() => seen.push('other'), 0);
    await runStepsInSlices(count(5, (step) => seen.push(`step ${step}`)));
    clearInterval(others);
    const first = seen.indexOf('other');
    expect(first).toBeGreaterThan(-1);
    expect(first).toBeLessThan(seen.indexOf('step 5'));
  });

  test('end where their signal is aborted, with its reason', async () => {
    const controller = new AbortController();
    const seen: number[] = [];
    const running = runStepsInSlices(
      count(9, (step) => {
        seen.push(step);
        if (step === 2) controller.abort(new Error('enough'));
      }),
      controller.signal,
    );
    await expect(running).rejects.toThrow('enough');
    expect(seen).toEqual([1, 2]);
  });
});
