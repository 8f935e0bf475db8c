/** Work under way that checks wait for together, and bounds on how many do. */

export interface FlightSettings {
  /** Checks that wait for one piece of work, besides the one that began it. */
  readonly maxJoined: number;
  /** Those of all pieces together. */
  readonly maxJoinedInAll: number;
}

/**
 * Each check that waits holds its request, up to some 60 KiB of headers. Thousands wait where one caller sends all its
 * calls with one new token; one token may not take all places.
 */
export const FLIGHT_DEFAULTS: FlightSettings = { maxJoined: 2_000, maxJoinedInAll: 4_000 };

interface Flight<T> {
  readonly work: Promise<T>;
  joined: number;
}

/** By key: one piece of work for each at a time. Who begins one is not counted here: that is for who does the work. */
export class Flights<T> {
  readonly #settings: FlightSettings;
  readonly #underWay = new Map<string, Flight<T>>();
  #joined = 0;

  constructor(settings: FlightSettings = FLIGHT_DEFAULTS) {
    this.#settings = settings;
  }

  /** null: none is under way. `full`: no more may wait for it. */
  join(key: string): Promise<T> | 'full' | null {
    const flight = this.#underWay.get(key);
    if (flight === undefined) return null;
    const { maxJoined, maxJoinedInAll } = this.#settings;
    if (flight.joined >= maxJoined || this.#joined >= maxJoinedInAll) return 'full';
    flight.joined += 1;
    this.#joined += 1;
    return flight.work;
  }

  /** INVARIANT: none is under way for `key`. Returns `work` as the others see it. */
  start(key: string, work: Promise<T>): Promise<T> {
    const flight: Flight<T> = {
      work: work.finally(() => {
        this.#underWay.delete(key);
        this.#joined -= flight.joined;
      }),
      joined: 0,
    };
    this.#underWay.set(key, flight);
    return flight.work;
  }
}
