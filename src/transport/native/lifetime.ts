/** How long a connection lives: its preface, keepalive, age, and a goodbye that loses no call. */
import type { ConnectionFault } from '../counts.ts';
import {
  CONNECTION_AGE_JITTER,
  KEEPALIVE_INTERVAL_MS,
  KEEPALIVE_TIMEOUT_MS,
  LEAVE_GRACE_MS,
  LEAVE_NOTICE_TIMEOUT_MS,
  MAX_CONNECTION_IDLE_MS,
} from '../limits.ts';
import { PREFACE_TIMEOUT_MS, SETTINGS_TIMEOUT_MS } from './bounds.ts';

/** The connection as its lifetime sees it. */
export interface Living {
  readonly prefaceSeen: boolean;
  /** Whether there were calls since this was asked last. */
  hadCalls(): boolean;
  /** Whether calls are open that end only when somebody ends them. */
  readonly hasOpenStreams: boolean;
  /**
   * Since this was asked last, the beginning of a frame or header block has been waiting for its rest, or the socket for the peer to
   * take anything.
   */
  isStuck(): boolean;
  /** Ends calls that have been waiting for the peer since this was asked last. */
  resetStuckCalls(): void;
  readonly settingsAcknowledged: boolean;
  failSettings(): void;
  ping(payload: Uint8Array): void;
  /** The first GOAWAY. */
  announceLeaving(): void;
  /** The second, after which calls are no longer taken; closes when those that are open have ended. */
  stopTaking(): void;
  /** `fault`: what the peer did to deserve it. */
  destroy(fault: ConnectionFault | null): void;
}

/** `setTimeout` takes no more than this, and fires at once when it is given more. */
const LARGEST_TIMER_MS = 2 ** 31 - 1;

const KEEPALIVE_PING = Buffer.from('keepaliv', 'latin1');
const LEAVING_PING = Buffer.from('leaving.', 'latin1');

export class Lifetime {
  readonly #connection: Living;
  readonly #timers = new Set<NodeJS.Timeout>();
  #idleMs = 0;
  #lost: NodeJS.Timeout | undefined;
  #leaving = false;
  #noticed = false;
  #over = false;

  /** `maxAgeMs` 0: never; `random` is a number from 0 to 1. */
  constructor(connection: Living, maxAgeMs: number, random: number) {
    this.#connection = connection;
    this.#after(PREFACE_TIMEOUT_MS, () => {
      if (!connection.prefaceSeen) connection.destroy('preface_timeout');
    });
    this.#after(SETTINGS_TIMEOUT_MS, () => {
      if (!connection.settingsAcknowledged) connection.failSettings();
    });
    const keepalive = setInterval(() => this.#keepAlive(), KEEPALIVE_INTERVAL_MS).unref();
    this.#timers.add(keepalive);
    if (maxAgeMs > 0) {
      const jitter = 1 + CONNECTION_AGE_JITTER * (2 * random - 1);
      this.#after(Math.min(maxAgeMs * jitter, LARGEST_TIMER_MS), () => this.leave(LEAVE_NOTICE_TIMEOUT_MS));
    }
  }

  /**
   * Asks the peer to go, answers what it has sent until it has read that, and closes. It takes no longer than the time for the
   * notice and {@link LEAVE_GRACE_MS}.
   */
  leave(noticeTimeoutMs: number): void {
    if (this.#leaving || this.#over) return;
    this.#leaving = true;
    // RFC 9113 §6.8: the first GOAWAY names no stream yet. The answer to a PING behind it comes after the peer's last new call.
    this.#connection.announceLeaving();
    this.#connection.ping(LEAVING_PING);
    this.#after(noticeTimeoutMs, () => this.#stopTaking());
  }

  /** The peer has answered a PING. */
  pong(bytes: Uint8Array, start: number, end: number): void {
    const payload = bytes.subarray(start, end);
    if (LEAVING_PING.equals(payload)) this.#stopTaking();
    else if (KEEPALIVE_PING.equals(payload)) clearTimeout(this.#lost);
  }

  /** The connection has closed. */
  end(): void {
    this.#over = true;
    clearTimeout(this.#lost);
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #stopTaking(): void {
    if (this.#noticed || this.#over || !this.#leaving) return;
    this.#noticed = true;
    this.#after(LEAVE_GRACE_MS, () => this.#connection.destroy(null));
    this.#connection.stopTaking();
  }

  /** A peer that has called since the last look is alive. */
  #keepAlive(): void {
    const connection = this.#connection;
    const hadCalls = connection.hadCalls();
    this.#idleMs = hadCalls || connection.hasOpenStreams ? 0 : this.#idleMs + KEEPALIVE_INTERVAL_MS;
    if (connection.isStuck()) {
      connection.destroy('stalled');
      return;
    }
    connection.resetStuckCalls();
    if (this.#idleMs >= MAX_CONNECTION_IDLE_MS) {
      this.leave(LEAVE_NOTICE_TIMEOUT_MS);
    } else if (!hadCalls) {
      clearTimeout(this.#lost);
      this.#lost = setTimeout(() => connection.destroy('keepalive_timeout'), KEEPALIVE_TIMEOUT_MS).unref();
      connection.ping(KEEPALIVE_PING);
    }
  }

  #after(timeMs: number, act: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      act();
    }, timeMs).unref();
    this.#timers.add(timer);
  }
}
