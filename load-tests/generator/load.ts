/**
 * Load on a server. Closed: a number of calls is always in flight, and the next begins when one is answered. Open: calls begin at
 * a rate, whatever the answers do, and their latency counts from when they were due: a server that stops for a moment is late
 * for all that were due meanwhile, not for those alone that it had.
 */
import { cpuSecondsOf, memoryOf } from '../lib/process-cost.ts';
import type { Random } from '../lib/random.ts';
import { random } from '../lib/random.ts';
import type { Fields } from './call-headers.ts';
import { envoyFields } from './call-headers.ts';
import { answerCode } from './check-answer.ts';
import { ClientConnection } from './connection.ts';
import type { ConnectionOwner } from './connection.ts';
import { Counts } from './figures.ts';
import type { Figures } from './figures.ts';
import { PreparedRequest } from './prepared-request.ts';
import type { Request } from './request-file.ts';

export interface LoadOptions {
  /** `HOST:PORT` or `unix:PATH`. */
  readonly address: string;
  readonly requests: readonly Request[];
  readonly connections: number;
  /** Closed: calls in flight, of all connections together. Open: as many at most. */
  readonly inFlight: number;
  /** Calls a second; null: closed. */
  readonly perSecond: number | null;
  /** Of a rate: evenly, or by chance as independent callers do (exponential gaps). Default even. */
  readonly arrivals?: 'even' | 'poisson';
  readonly warmupMs: number;
  readonly durationMs: number;
  /** It lasts longer, up to half a minute, until so many calls have ended. Default 0. */
  readonly leastCalls?: number;
  /** Of the server, for what it costs. */
  readonly serverPid?: number;
  /** Header fields of a call. Default: what Envoy sends. */
  readonly fields?: Fields;
  /** Flow-control windows for answers. Default 1 MiB. */
  readonly windowBytes?: number;
  /** Number of the first stream of each connection. Default 1. */
  readonly firstStreamId?: number;
  /** How long calls may take that are in flight at the end. Default 5,000. */
  readonly patienceMs?: number;
}

const WINDOW_BYTES = 2 ** 20;
const PATIENCE_MS = 5_000;
/** Before a server is asked for another connection that has broken one. */
const RECONNECT_MS = 20;
const DRAIN_POLL_MS = 5;
const LEAST_CALLS_PATIENCE_MS = 30_000;

export function runLoad(options: LoadOptions): Promise<Figures> {
  return new Load(options).run();
}

interface Waiting {
  readonly request: number;
  readonly dueMs: number;
}

class Load implements ConnectionOwner {
  readonly #options: LoadOptions;
  readonly #requests: readonly PreparedRequest[];
  readonly #fields: Fields;
  readonly #random: Random = random(1);
  /** By place; those that are leaving have given up theirs. */
  readonly #connections: (ClientConnection | null)[] = [];
  readonly #open = new Set<ClientConnection>();
  readonly #again: Waiting[] = [];
  readonly #counts = new Counts();
  readonly #begunMs = performance.now();
  readonly #wallMs = Date.now() - performance.now();
  #fromMs = Number.POSITIVE_INFINITY;
  #toMs = Number.POSITIVE_INFINITY;
  #nextDueMs = this.#begunMs;
  #sent = 0;
  /** Answers that came within the measured time, whenever they were due. */
  #completed = 0;
  /** And calls that failed in it. */
  #failed = 0;
  #turn = 0;
  #stopped = false;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#requests = options.requests.map((request) => new PreparedRequest(request));
    this.#fields = options.fields ?? envoyFields();
  }

  async run(): Promise<Figures> {
    const { connections, warmupMs, durationMs, leastCalls = 0, serverPid, perSecond } = this.#options;
    for (let place = 0; place < connections; place++) this.#connect(place);
    this.#nextDueMs = performance.now();
    if (perSecond !== null) this.#tick();
    await timeout(warmupMs);
    this.#fromMs = performance.now();
    const before = this.#costs(serverPid);
    await timeout(durationMs);
    const latestMs = performance.now() + LEAST_CALLS_PATIENCE_MS;
    while (this.#completed + this.#failed < leastCalls && performance.now() < latestMs) await timeout(DRAIN_POLL_MS);
    this.#toMs = performance.now();
    const after = this.#costs(serverPid);
    const seconds = (this.#toMs - this.#fromMs) / 1000;
    const completed = this.#completed;
    await this.#drain(this.#options.patienceMs ?? PATIENCE_MS);
    const server =
      serverPid === undefined
        ? null
        : { cpuUs: ((after.server - before.server) * 1e6) / Math.max(1, completed), ...after.memory };
    return this.#counts.figures(seconds, completed, after.own - before.own, server);
  }

  #costs(serverPid: number | undefined): {
    own: number;
    server: number;
    memory: { rssBytes: number; peakRssBytes: number };
  } {
    const { user, system } = process.cpuUsage();
    const own = (user + system) / 1e6;
    if (serverPid === undefined) return { own, server: 0, memory: { rssBytes: 0, peakRssBytes: 0 } };
    return { own, server: cpuSecondsOf(serverPid), memory: memoryOf(serverPid) };
  }

  /** Nothing new begins; what is in flight may still be answered. */
  async #drain(patienceMs: number): Promise<void> {
    const endMs = performance.now() + patienceMs;
    const left = (): number => [...this.#open].reduce((sum, { inFlight }) => sum + inFlight, this.#again.length);
    while ((left() > 0 || this.#isBehind()) && performance.now() < endMs) await timeout(DRAIN_POLL_MS);
    this.#stopped = true;
    if (left() > 0) this.#counts.error('no answer', left());
    if (this.#isBehind()) {
      const gapMs = 1000 / this.#options.perSecond!;
      this.#counts.error('due and never sent', Math.ceil((this.#toMs - this.#nextDueMs) / gapMs));
    }
    for (const connection of this.#open) connection.destroy();
  }

  #isBehind(): boolean {
    return this.#options.perSecond !== null && this.#nextDueMs < this.#toMs;
  }

  #connect(place: number): void {
    const { address, connections, inFlight, windowBytes = WINDOW_BYTES, firstStreamId = 1 } = this.#options;
    // The first ones take what is left over.
    const maxInFlight = Math.floor(inFlight / connections) + (place < inFlight % connections ? 1 : 0);
    const connection = new ClientConnection(
      { address, fields: this.#fields, windowBytes, maxInFlight, firstStreamId },
      this,
    );
    this.#connections[place] = connection;
    this.#open.add(connection);
  }

  #replace(connection: ClientConnection): void {
    const place = this.#connections.indexOf(connection);
    if (place < 0 || this.#stopped) return;
    this.#counts.newConnections++;
    this.#connect(place);
  }

  read(bytes: Buffer, start: number, end: number): number {
    return answerCode(bytes, start, end);
  }

  answered(request: number, dueMs: number, code: number): void {
    const nowMs = performance.now();
    const within = nowMs >= this.#fromMs && nowMs < this.#toMs;
    if (within) this.#completed++;
    if (this.#isMeasured(dueMs, within)) this.#counts.answer(request, this.#requests[request]!, code, nowMs - dueMs);
  }

  failed(_request: number, dueMs: number, why: string): void {
    this.#failed++;
    // Closed: those that were in flight at the end count, too.
    if (!this.#stopped && this.#isMeasured(dueMs, performance.now() >= this.#fromMs)) this.#counts.error(why);
  }

  /** Closed: what is answered in time. Open: what was due in it, however late the answer. */
  #isMeasured(dueMs: number, within: boolean): boolean {
    return this.#options.perSecond === null ? within : dueMs >= this.#fromMs && dueMs < this.#toMs;
  }

  returned(request: number, dueMs: number): void {
    this.#counts.askedAgain++;
    this.#again.push({ request, dueMs });
  }

  room(connection: ClientConnection): void {
    if (this.#options.perSecond !== null) {
      this.#sendDue(connection);
      return;
    }
    while (connection.canStart && (this.#again.length > 0 || this.#toMs === Number.POSITIVE_INFINITY))
      this.#start(connection, performance.now());
  }

  leaving(connection: ClientConnection): void {
    this.#replace(connection);
  }

  closed(connection: ClientConnection, why: string): void {
    this.#open.delete(connection);
    if (!this.#connections.includes(connection) || this.#stopped) return;
    if (this.#fromMs !== Number.POSITIVE_INFINITY) this.#counts.error(`connection: ${why}`);
    setTimeout(() => this.#replace(connection), RECONNECT_MS);
  }

  #start(connection: ClientConnection, dueMs: number): void {
    const again = this.#again.pop();
    const n = this.#sent++;
    const request = again?.request ?? n % this.#requests.length;
    connection.start(this.#requests[request]!, request, again?.dueMs ?? dueMs, n, this.#wallMs + performance.now());
  }

  /** Looks at the clock in every turn of the event loop: timers are a millisecond late, which is longer than most answers take. */
  readonly #tick = (): void => {
    if (this.#stopped) return;
    this.#sendDue(null);
    setImmediate(this.#tick);
  };

  /** `reading`: it is written to when its owner has been asked for calls; the others have to be told. */
  #sendDue(reading: ClientConnection | null): void {
    const nowMs = performance.now();
    const used = new Set<ClientConnection>();
    while (this.#again.length > 0 || (this.#nextDueMs <= nowMs && this.#nextDueMs < this.#toMs)) {
      const connection = this.#withRoom();
      if (connection === null) break;
      used.add(connection);
      if (this.#again.length > 0) {
        this.#start(connection, 0);
        continue;
      }
      const dueMs = this.#nextDueMs;
      if (dueMs >= this.#fromMs) this.#counts.latestMs = Math.max(this.#counts.latestMs, nowMs - dueMs);
      this.#start(connection, dueMs);
      this.#nextDueMs += this.#gapMs();
    }
    for (const connection of used) if (connection !== reading) connection.flush();
  }

  #gapMs(): number {
    const evenMs = 1000 / this.#options.perSecond!;
    if (this.#options.arrivals !== 'poisson') return evenMs;
    return -Math.log(1 - this.#random.fraction()) * evenMs;
  }

  #withRoom(): ClientConnection | null {
    const all = this.#connections;
    for (let tried = 0; tried < all.length; tried++) {
      const connection = all[this.#turn++ % all.length];
      if (connection?.canStart === true) return connection;
    }
    return null;
  }
}

function timeout(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
