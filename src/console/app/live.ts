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

interface Counted {
  readonly stats: Stats;
  readonly history: History;
}

export class Live {
  readonly store = new Store(NOTHING_YET);
  readonly #client: ApiClient;
  readonly #world: PollerWorld;
  readonly #stats: Poller<Counted>;
  /** Begins with the first counts: whoever may not ask is told so once. */
  #status: Poller<Status> | null = null;
  #hasPast = false;

  constructor(client: ApiClient, world: PollerWorld) {
    this.#client = client;
    this.#world = world;
    this.#stats = new Poller({
      load: (signal) => this.#count(signal),
      everyMs: STATS_EVERY_MS,
      onAnswer: (counted) => this.#counted(counted),
      onError: (error) => this.#failed(error),
      world,
    });
  }

  askNow(): void {
    this.#stats.askNow();
    this.#status?.askNow();
  }

  stop(): void {
    this.#stats.stop();
    this.#status?.stop();
  }

  #counted({ stats, history }: Counted): void {
    this.#update({ history, reasons: this.#reasonsOf(stats), connection: { state: 'up' } });
    this.#status ??= new Poller({
      load: (signal) => this.#client.get<Status>('status', {}, signal),
      everyMs: STATUS_EVERY_MS,
      onAnswer: (status) => this.#update({ status }),
      // Whether the service answers is seen by its counts.
      onError: () => undefined,
      world: this.#world,
    });
  }

  async #count(signal: AbortSignal): Promise<Counted> {
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
