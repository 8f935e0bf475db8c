/** What every page knows of the service: how it is, what it counted lately, and whether it answers at all. */
import { asApiError } from '../api/api-error.ts';
import type { ApiError } from '../api/api-error.ts';
import type { DecisionWord, Stats, StatsHistory, Status } from '../api/answers.ts';
import type { ApiClient } from '../api/client.ts';
import { countersOf, pastCountersOf } from '../api/counters.ts';
import { Poller } from '../api/poller.ts';
import type { PollerWorld } from '../api/poller.ts';
import { NO_HISTORY, withReading } from '../figures/history.ts';
import type { History } from '../figures/history.ts';
import { Store } from './store.ts';

const STATS_EVERY_MS = 2000;
const STATUS_EVERY_MS = 5000;

export type Connection =
  | { readonly state: 'connecting' }
  | { readonly state: 'up' }
  /** `error`: what it answers in place of what was asked; null: it does not answer. */
  | { readonly state: 'lost'; readonly sinceMs: number; readonly error: string | null }
  | { readonly state: 'locked'; readonly message: string };

export interface LiveState {
  readonly connection: Connection;
  readonly status: Status | null;
  readonly history: History;
  /** Why a check can be allowed or denied: every reason there is. */
  readonly reasons: readonly { readonly decision: DecisionWord; readonly reason: string }[];
}

const NOTHING_YET: LiveState = { connection: { state: 'connecting' }, status: null, history: NO_HISTORY, reasons: [] };

export class Live {
  readonly store = new Store(NOTHING_YET);
  readonly #client: ApiClient;
  readonly #pollers: readonly { askNow(): void; stop(): void }[];
  #hasPast = false;

  constructor(client: ApiClient, world: PollerWorld) {
    this.#client = client;
    const onError = (error: ApiError): void => this.#failed(error);
    this.#pollers = [
      new Poller({
        load: (signal) => this.#stats(signal),
        everyMs: STATS_EVERY_MS,
        onAnswer: ({ stats, history }) =>
          this.#update({ history, reasons: this.#reasonsOf(stats), connection: { state: 'up' } }),
        onError,
        world,
      }),
      new Poller({
        load: (signal) => client.get<Status>('status', {}, signal),
        everyMs: STATUS_EVERY_MS,
        onAnswer: (status) => this.#update({ status }),
        onError,
        world,
      }),
    ];
  }

  askNow(): void {
    for (const poller of this.#pollers) poller.askNow();
  }

  stop(): void {
    for (const poller of this.#pollers) poller.stop();
  }

  async #stats(signal: AbortSignal): Promise<{ readonly stats: Stats; readonly history: History }> {
    const stats = await this.#client.get<Stats>('stats', {}, signal);
    let { history } = this.store.value;
    if (!this.#hasPast) {
      const past = await this.#past(stats, signal);
      history = past.reduce(withReading, NO_HISTORY);
      this.#hasPast = true;
    }
    return { stats, history: withReading(history, countersOf(stats)) };
  }

  /** The same list as before, unless it is another one. */
  #reasonsOf({ checks }: Stats): LiveState['reasons'] {
    const { reasons } = this.store.value;
    return reasons.length === checks.length ? reasons : checks.map(({ decision, reason }) => ({ decision, reason }));
  }

  /** What the service remembers of before this page was opened. Without it the charts begin now. */
  async #past(stats: Stats, signal: AbortSignal): Promise<ReturnType<typeof pastCountersOf>> {
    try {
      return pastCountersOf(await this.#client.get<StatsHistory>('stats/history', {}, signal), stats);
    } catch (cause) {
      if (asApiError(cause).failure !== 'failed' && asApiError(cause).failure !== 'refused') throw cause;
      return [];
    }
  }

  #failed(error: ApiError): void {
    const { connection } = this.store.value;
    if (error.failure === 'locked') {
      this.#update({ connection: { state: 'locked', message: error.message } });
      return;
    }
    const sinceMs = connection.state === 'lost' ? connection.sinceMs : Date.now();
    const told = error.failure === 'unreachable' ? null : error.message;
    this.#update({ connection: { state: 'lost', sinceMs, error: told } });
  }

  #update(change: Partial<LiveState>): void {
    this.store.set({ ...this.store.value, ...change });
  }
}
