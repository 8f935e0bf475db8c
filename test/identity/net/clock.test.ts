import { describe, expect, test } from '@jest/globals';
import { SYSTEM_CLOCK } from '../../../src/identity/net/clock.ts';

describe('the clock of the system', () => {
  test('runs what it is told, once, unless that was cancelled', async () => {
    const ran: string[] = [];
    SYSTEM_CLOCK.after(1, () => void ran.push('cancelled'))();
    await new Promise<void>((resolve) => SYSTEM_CLOCK.after(2, () => resolve(void ran.push('ran'))));
    expect(ran).toEqual(['ran']);
  });

  test('tells the time since the epoch, and one that only grows', () => {
    const [wall, monotonic] = [SYSTEM_CLOCK.nowMs(), SYSTEM_CLOCK.monotonicMs()];
    expect(wall).toBeGreaterThan(Date.UTC(2025, 0));
    expect(SYSTEM_CLOCK.monotonicMs()).toBeGreaterThanOrEqual(monotonic);
  });
});
