import { describe, expect, it } from '@jest/globals';
import { Flights } from '../../src/identity/flights.ts';

describe('Flights', () => {
  it('lets no more wait than it is told to, for one and in all', async () => {
    const flights = new Flights<string>({ maxJoined: 2, maxJoinedInAll: 3 });
    const ends = new Map<string, (text: string) => void>();
    const start = (key: string): Promise<string> =>
      flights.start(key, new Promise((resolve) => ends.set(key, resolve)));
    expect(flights.join('a')).toBeNull();
    const [a, b] = [start('a'), start('b')];
    expect([flights.join('a'), flights.join('a'), flights.join('a')]).toEqual([a, a, 'full']);
    expect([flights.join('b'), flights.join('b')]).toEqual([b, 'full']);
    ends.get('a')!('done');
    expect(await a).toBe('done');
    expect(flights.join('a')).toBeNull();
    expect([flights.join('b'), flights.join('b')]).toEqual([b, 'full']);
    const again = start('a');
    expect([flights.join('a'), flights.join('a')]).toEqual([again, 'full']);
  });

  it('has room again after a failure', async () => {
    const flights = new Flights<string>({ maxJoined: 1, maxJoinedInAll: 1 });
    const failing = flights.start('a', Promise.reject(new Error('failed')));
    expect(flights.join('a')).toBe(failing);
    await expect(failing).rejects.toThrow('failed');
    const next = flights.start('a', Promise.resolve('done'));
    expect(flights.join('a')).toBe(next);
    expect(await next).toBe('done');
  });
});
