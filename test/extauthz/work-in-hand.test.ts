import { describe, expect, it } from '@jest/globals';
import { WorkInHand } from '../../src/extauthz/work-in-hand.ts';

/** A clock and an event loop in the test's hands. */
function work(maxTurnMs: number, maxWaiting = 10) {
  const ends: (() => void)[] = [];
  const inHand = new WorkInHand({ maxTurnMs, maxWaiting }, (end) => void ends.push(end));
  let now = 1000;
  return {
    inHand,
    ends,
    /** Checks that begin, each so many milliseconds after the one before. */
    begin: (...stepsMs: readonly number[]): void => {
      for (const step of stepsMs) inHand.begin((now += step));
    },
    endTurn: () => ends.splice(0).forEach((end) => end()),
  };
}

const FOREVER = Number.POSITIVE_INFINITY;

describe('the work of a turn', () => {
  it('is the time between its checks, and nothing before the first', () => {
    const { inHand, begin } = work(10);
    begin(700);
    expect(inHand.spentMs).toBe(0);
    begin(1, 2, 0.5);
    expect(inHand.spentMs).toBe(3.5);
  });

  it('ends with the turn, which is asked for once', () => {
    const { inHand, begin, ends, endTurn } = work(10);
    begin(0, 4, 4, 4);
    expect(ends).toHaveLength(1);
    expect(inHand.isTooMuch(FOREVER)).toBe(true);
    endTurn();
    expect([inHand.spentMs, inHand.isTooMuch(FOREVER)]).toEqual([0, false]);
    begin(4, 1);
    expect(ends).toHaveLength(1);
    expect(inHand.spentMs).toBe(1);
  });

  it('has no more than 5 ms of any one check: a pause is no load', () => {
    const { inHand, begin } = work(10);
    begin(0, 60_000);
    expect(inHand.spentMs).toBe(5);
    expect(inHand.isTooMuch(FOREVER)).toBe(false);
    begin(60_000, 60_000);
    expect(inHand.isTooMuch(FOREVER)).toBe(true);
  });

  it('is too much above the bound, and far too much above twice the bound', () => {
    const { inHand, begin } = work(10);
    const told: unknown[] = [];
    for (const step of [0, 5, 5, 0.1, 4.9, 5, 0.1]) {
      begin(step);
      told.push([inHand.isTooMuch(FOREVER), inHand.isFarTooMuch]);
    }
    const [none, some, far] = [
      [false, false],
      [true, false],
      [true, true],
    ];
    expect(told).toEqual([none, none, none, some, some, some, far]);
  });

  it('is too much for one who has waited no shorter than there is time', () => {
    const { inHand, begin } = work(1000);
    begin(0, 5);
    expect([inHand.isTooMuch(5.1), inHand.isTooMuch(5), inHand.isTooMuch(1)]).toEqual([false, true, true]);
    expect(inHand.isFarTooMuch).toBe(false);
  });

  it('is bounded by nothing where nothing was said', () => {
    const { inHand, begin } = work(FOREVER);
    begin(...Array.from({ length: 1000 }, () => 5));
    expect([inHand.isTooMuch(FOREVER), inHand.isFarTooMuch]).toEqual([false, false]);
  });
});

describe('what waits', () => {
  it('is so many, and makes room when it has waited', () => {
    const { inHand } = work(10, 2);
    for (let i = 0; i < 2; i++) {
      expect(inHand.hasRoom(100)).toBe(true);
      inHand.waits(100);
    }
    expect([inHand.hasRoom(0), inHand.waiting]).toEqual([false, 2]);
    inHand.hasWaited(100);
    expect([inHand.hasRoom(0), inHand.waiting]).toEqual([true, 1]);
  });

  it('has so many bytes', () => {
    const { inHand } = work(10);
    const most = 256 * 1024 * 1024;
    expect([inHand.hasRoom(most), inHand.hasRoom(most + 1)]).toEqual([true, false]);
    inHand.waits(most - 10);
    expect([inHand.hasRoom(10), inHand.hasRoom(11)]).toEqual([true, false]);
    inHand.hasWaited(most - 10);
    expect(inHand.hasRoom(most)).toBe(true);
  });
});
