import { describe, expect, it } from '@jest/globals';
import { ApiError } from '../../src/console/api/api-error.ts';
import { Poller } from '../../src/console/api/poller.ts';
import type { PollerWorld } from '../../src/console/api/poller.ts';

/** A clock that goes when it is told to. */
class World implements PollerWorld {
  visible = true;
  waiting: { readonly ms: number; readonly callback: () => void }[] = [];
  #seen: (() => void)[] = [];
  readonly isVisible = (): boolean => this.visible;
  readonly onVisible = (callback: () => void): (() => void) => {
    this.#seen.push(callback);
    return () => {
      this.#seen = this.#seen.filter((each) => each !== callback);
    };
  };
  readonly after = (ms: number, callback: () => void): (() => void) => {
    const entry = { ms, callback };
    this.waiting.push(entry);
    return () => {
      this.waiting = this.waiting.filter((each) => each !== entry);
    };
  };
  /** Lets the one pause that there is end, and gives how long it was. */
  pass(): number {
    const [entry, ...others] = this.waiting;
    if (entry === undefined || others.length > 0) throw new Error(`${this.waiting.length} pauses`);
    this.waiting = [];
    entry.callback();
    return entry.ms;
  }
  show(): void {
    this.visible = true;
    for (const callback of this.#seen) callback();
  }
}

async function settled(): Promise<void> {
  await new Promise<void>((resolve) => {
    setImmediate(resolve);
  });
}

function start(world: World, load: (signal: AbortSignal) => Promise<number>) {
  const answers: number[] = [];
  const errors: [string, number][] = [];
  const poller = new Poller({
    load,
    everyMs: 2000,
    onAnswer: (answer) => answers.push(answer),
    onError: ({ failure }, nextMs) => errors.push([failure, nextMs]),
    world,
  });
  return { poller, answers, errors };
}

describe('a poller', () => {
  it('asks at once, and again at its pace', async () => {
    const world = new World();
    let asked = 0;
    const { answers, poller } = start(world, () => Promise.resolve((asked += 1)));
    await settled();
    expect(world.pass()).toBe(2000);
    await settled();
    expect(answers).toEqual([1, 2]);
    poller.stop();
    expect(world.waiting).toEqual([]);
  });

  it('asks ever more slowly while nobody answers, and at its pace again afterwards', async () => {
    const world = new World();
    let isUp = false;
    const { answers, errors, poller } = start(world, () =>
      isUp ? Promise.resolve(7) : Promise.reject(new ApiError('unreachable', 'gone')),
    );
    const pauses: number[] = [];
    for (let at = 0; at < 7; at += 1) {
      await settled();
      if (at === 6) isUp = true;
      pauses.push(world.pass());
    }
    await settled();
    expect(pauses).toEqual([2000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    expect(errors.map(([, nextMs]) => nextMs)).toEqual(pauses);
    expect(answers).toEqual([7]);
    expect(world.pass()).toBe(2000);
    poller.stop();
  });

  it('does not ask on where a token is wanted, until it is told to', async () => {
    const world = new World();
    let asked = 0;
    const { poller, errors } = start(world, () => {
      asked += 1;
      return Promise.reject(new ApiError('locked', 'a token is wanted'));
    });
    await settled();
    expect(world.waiting).toEqual([]);
    expect(errors).toEqual([['locked', Infinity]]);
    poller.askNow();
    await settled();
    expect(asked).toBe(2);
    poller.stop();
  });

  it('asks nothing while nobody looks, and at once when somebody does', async () => {
    const world = new World();
    world.visible = false;
    let asked = 0;
    const { poller, answers } = start(world, () => Promise.resolve((asked += 1)));
    await settled();
    expect(asked).toBe(0);
    world.show();
    await settled();
    expect(answers).toEqual([1]);
    poller.stop();
    world.show();
    await settled();
    expect(asked).toBe(1);
  });

  it('asks once at a time, and tells nothing when it was stopped', async () => {
    const world = new World();
    const resolvers: ((value: number) => void)[] = [];
    const signals: AbortSignal[] = [];
    const { poller, answers, errors } = start(world, (signal) => {
      signals.push(signal);
      return new Promise((resolve) => resolvers.push(resolve));
    });
    poller.askNow();
    poller.askNow();
    expect(resolvers).toHaveLength(1);
    poller.stop();
    resolvers[0]!(1);
    await settled();
    expect(signals[0]!.aborted).toBe(true);
    expect([answers, errors, world.waiting]).toEqual([[], [], []]);
  });
});
