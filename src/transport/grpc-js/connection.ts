/**
 * One HTTP/2 connection, from its handshake to its last answer: bounds, keepalive, age, and a goodbye that loses no
 * call.
 */
import { performServerHandshake } from 'node:http2';
import type { ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import type { ConnectionFault, Counters } from '../counts.ts';
import {
  CONNECTION_AGE_JITTER,
  CONNECTION_WINDOW_BYTES,
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
  LEAVE_GRACE_MS,
  LEAVE_NOTICE_TIMEOUT_MS,
  MAX_CONNECTION_IDLE_MS,
  MAX_HEADER_LIST_BYTES,
  MAX_SESSION_MEMORY_MIB,
  STREAM_RESET_BURST,
  STREAM_RESETS_PER_SECOND,
} from '../limits.ts';
import type { Dispatcher } from './dispatcher.ts';
import { GOAWAY_NOTICE } from './goaway-notice.ts';
import { SocketRelay } from './socket-relay.ts';

export interface ConnectionOptions {
  readonly maxConcurrentStreams: number;
  /** 0: never. */
  readonly maxAgeMs: number;
  /** A number from 0 to 1 that spreads the age within the jitter. */
  readonly random: () => number;
  readonly counters: Counters;
}

/** `setTimeout` takes no more than this, and fires at once when it is given more. */
const LARGEST_TIMER_MS = 2 ** 31 - 1;

/** Errors of nghttp2 that are not NGHTTP2_ERR_PROTO, which it takes for most. */
const FAULTS: ReadonlyMap<number | undefined, ConnectionFault> = new Map([
  [-523, 'compression'],
  [-524, 'flow_control'],
  [-904, 'flood'],
  [-905, 'flood'],
]);

export class Connection {
  readonly #relay: SocketRelay;
  readonly #session: ServerHttp2Session;
  readonly #dispatcher: Dispatcher;
  /** Cleared by each look of the keepalive timer. */
  #hadCalls = false;
  #idleMs = 0;
  #leaving = false;

  constructor(socket: Socket, dispatcher: Dispatcher, options: ConnectionOptions) {
    this.#dispatcher = dispatcher;
    this.#relay = new SocketRelay(socket);
    this.#session = performServerHandshake(this.#relay, {
      settings: { maxConcurrentStreams: options.maxConcurrentStreams, maxHeaderListSize: MAX_HEADER_LIST_BYTES },
      maxSessionMemory: MAX_SESSION_MEMORY_MIB,
      streamResetBurst: STREAM_RESET_BURST,
      streamResetRate: STREAM_RESETS_PER_SECOND,
    });
    this.#session.setLocalWindowSize(CONNECTION_WINDOW_BYTES);
    this.#session.on('stream', (stream, headers) => {
      this.#hadCalls = true;
      dispatcher.take(stream, headers);
    });
    // A peer that breaks the protocol or hangs up: node:http2 has told it and closes the connection.
    this.#session.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_HTTP2_ERROR') options.counters.fault(FAULTS.get(error.errno) ?? 'protocol');
    });
    this.#startTimers(options);
  }

  /** What the peer has not taken. */
  get unsentBytes(): number {
    return this.#relay.unsentBytes;
  }

  #startTimers({ maxAgeMs, random, counters }: ConnectionOptions): void {
    const keepalive = setInterval(() => this.#keepAlive(counters), KEEPALIVE_INTERVAL_MS).unref();
    const jitter = 1 + CONNECTION_AGE_JITTER * (2 * random() - 1);
    const age =
      maxAgeMs === 0
        ? undefined
        : setTimeout(() => this.leave(LEAVE_NOTICE_TIMEOUT_MS), Math.min(maxAgeMs * jitter, LARGEST_TIMER_MS)).unref();
    this.#session.once('close', () => {
      clearInterval(keepalive);
      clearTimeout(age);
    });
  }

  /** A peer that has called since the last look is alive. */
  #keepAlive(counters: Counters): void {
    const busy = this.#hadCalls || this.#dispatcher.hasOpenStreams;
    this.#idleMs = busy ? 0 : this.#idleMs + KEEPALIVE_INTERVAL_MS;
    if (this.#idleMs >= MAX_CONNECTION_IDLE_MS) {
      this.leave(LEAVE_NOTICE_TIMEOUT_MS);
    } else if (!this.#hadCalls) {
      const lost = setTimeout(() => {
        if (!this.#session.destroyed) counters.fault('keepalive_timeout');
        this.#session.destroy();
      }, KEEPALIVE_TIMEOUT_MS).unref();
      this.#ping(() => clearTimeout(lost));
    }
    this.#hadCalls = false;
  }

  /**
   * Asks the peer to go, answers what it has sent until it has read that, and closes. Calls that end only by request
   * are ended. It takes no longer than the time for the notice and {@link LEAVE_GRACE_MS}.
   */
  leave(noticeTimeoutMs: number): void {
    if (this.#leaving) return;
    this.#leaving = true;
    void this.#announce(noticeTimeoutMs).then(() => {
      this.#dispatcher.endStreams();
      // Sends the second GOAWAY, which names the last stream that was taken, and waits for those that are open.
      this.#session.close();
      setTimeout(() => this.#session.destroy(), LEAVE_GRACE_MS).unref();
    });
  }

  /** Resolves when the peer has read the notice: its answer to a PING sent behind it comes after its last new stream. */
  #announce(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const announce = (): void => {
        this.#relay.interject(GOAWAY_NOTICE);
        this.#ping(resolve);
      };
      // RFC 9113 §3.4: SETTINGS is the first frame of a server. When the peer has acknowledged it, it is out.
      if (this.#session.pendingSettingsAck) this.#session.once('localSettings', announce);
      else announce();
      this.#session.once('close', resolve);
      setTimeout(resolve, timeoutMs).unref();
    });
  }

  #ping(answered: () => void): void {
    if (this.#session.destroyed) return;
    this.#session.ping((error) => {
      if (error === null) answered();
    });
  }
}
