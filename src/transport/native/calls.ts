/** From a whole message to the handler of its method, and from what that says to the answer. */
import { HANDLER_FAILED, MALFORMED_MESSAGE, SHUTTING_DOWN } from '../status.ts';
import type { Peer } from '../socket-server.ts';
import type { CallContext, StreamHandler, TransportLog, UnaryAnswer } from '../transport.ts';
import { HTTP_ERROR_BODY, httpErrorHeaders, statusTrailers, trailersOnly } from './answer-blocks.ts';
import { DEADLINE_EXCEEDED, UNKNOWN } from './call-status.ts';
import type { Status } from './call-status.ts';
import { HeldMessages } from './held-messages.ts';
import type { HeldBuffer } from './held-messages.ts';
import type { MemoryAccount } from './memory-budget.ts';
import type { Sender } from './sender.ts';
import type { Stream } from './stream.ts';

/** `setTimeout` takes no more than this, and fires at once when it is given more. */
const LARGEST_TIMER_MS = 2 ** 31 - 1;

export class Calls {
  readonly #sender: Sender;
  readonly #log: TransportLog;
  readonly #peer: Peer;
  readonly #held: HeldMessages;
  readonly #endless: CallContext;
  /** What is told to the connection when an answer that was promised could not be sent. */
  readonly #failed: (error: unknown) => void;
  /** Server-streaming calls, which end only when somebody ends them. */
  readonly #open = new Set<Stream>();
  /** Handlers at work whose call is gone: as much a load as one that is not. */
  #abandoned = 0;

  constructor(sender: Sender, peer: Peer, memory: MemoryAccount, log: TransportLog, failed: (error: unknown) => void) {
    this.#sender = sender;
    this.#peer = peer;
    this.#held = new HeldMessages(memory);
    this.#log = log;
    this.#failed = failed;
    this.#endless = this.#context(Infinity, null);
  }

  get abandoned(): number {
    return this.#abandoned;
  }

  get hasOpenStreams(): boolean {
    return this.#open.size > 0;
  }

  run(stream: Stream, message: Uint8Array): void {
    const { plan } = stream;
    if (plan.stream !== null) {
      this.#runStream(stream, plan.stream, message);
      return;
    }
    const { timeoutMs, trace } = plan;
    const isPlain = timeoutMs === Infinity && trace === null;
    const context = isPlain ? this.#endless : this.#context(Date.now() + timeoutMs, trace);
    let answer: UnaryAnswer | Promise<UnaryAnswer>;
    try {
      answer = plan.unary!(message, context);
    } catch (error) {
      this.#report(stream, error);
      answer = HANDLER_FAILED;
    }
    if (answer instanceof Uint8Array) this.#sender.answer(stream, answer);
    else if (answer !== null && 'then' in answer) this.#await(stream, answer, message);
    else this.refuse(stream, answer ?? MALFORMED_MESSAGE);
  }

  /** Ends a call with a status. */
  refuse(stream: Stream, status: Status): void {
    stream.status = status.code;
    this.#sender.end(stream, statusTrailers(status), trailersOnly(status));
  }

  refuseHttp(stream: Stream): void {
    stream.status = UNKNOWN;
    this.#sender.http(stream, httpErrorHeaders(stream.plan.httpStatus), HTTP_ERROR_BODY);
  }

  /** The stream is out of the books, however that came. */
  gone(stream: Stream): void {
    if (stream.deadline !== null) clearTimeout(stream.deadline);
    if (stream.ended === null) return;
    this.#open.delete(stream);
    stream.ended.abort();
  }

  /** Ends the calls that do not end by themselves. */
  endStreams(): void {
    for (const stream of this.#open) this.#endStream(stream, SHUTTING_DOWN);
  }

  #context(deadlineMs: number, trace: CallContext['trace']): CallContext {
    return { deadlineMs, peerCertificate: this.#peer.certificate, peerAllowed: this.#peer.allowed, trace };
  }

  #await(stream: Stream, promise: Promise<UnaryAnswer>, message: Uint8Array): void {
    const { timeoutMs } = stream.plan;
    if (timeoutMs <= LARGEST_TIMER_MS) {
      stream.deadline = setTimeout(() => this.#settle(stream, DEADLINE_EXCEEDED), timeoutMs).unref();
    }
    let held: HeldBuffer | null = null;
    const settle = (answer: UnaryAnswer): void => {
      if (held !== null) this.#held.release(held);
      stream.handlerRuns = false;
      if (stream.gone) this.#abandoned--;
      else this.#settle(stream, answer ?? MALFORMED_MESSAGE);
    };
    stream.handlerRuns = true;
    promise.then(settle, (error: unknown) => {
      this.#report(stream, error);
      settle(HANDLER_FAILED);
    });
    held = this.#held.hold(message);
  }

  /** A handler outlives its call. */
  abandon(): void {
    this.#abandoned++;
  }

  #settle(stream: Stream, answer: Uint8Array | Status): void {
    // The late answer of a call that has ended while it still waits for a window.
    if (stream.answered) return;
    stream.answered = true;
    try {
      if (answer instanceof Uint8Array) this.#sender.answer(stream, answer);
      else this.refuse(stream, answer);
    } catch (error) {
      this.#failed(error);
    }
  }

  #runStream(stream: Stream, handler: StreamHandler, message: Uint8Array): void {
    const { timeoutMs, trace } = stream.plan;
    const ended = new AbortController();
    stream.ended = ended;
    this.#open.add(stream);
    const send = (answer: Uint8Array): void => {
      if (ended.signal.aborted) return;
      try {
        this.#sender.message(stream, answer);
      } catch (error) {
        this.#failed(error);
      }
    };
    const context = this.#context(timeoutMs === Infinity ? Infinity : Date.now() + timeoutMs, trace);
    let status;
    try {
      status = handler(message, context, send, ended.signal);
    } catch (error) {
      this.#report(stream, error);
      status = HANDLER_FAILED;
    }
    if (status !== undefined) {
      this.#endStream(stream, status ?? MALFORMED_MESSAGE);
    } else if (timeoutMs <= LARGEST_TIMER_MS) {
      stream.deadline = setTimeout(() => this.#endStream(stream, DEADLINE_EXCEEDED), timeoutMs).unref();
    }
  }

  #endStream(stream: Stream, status: Status): void {
    if (stream.answered || stream.gone) return;
    stream.answered = true;
    this.#open.delete(stream);
    stream.ended!.abort();
    try {
      this.refuse(stream, status);
    } catch (error) {
      this.#failed(error);
    }
  }

  /** The cause stays here: what the peer gets to read is the same for every failure. */
  #report(stream: Stream, error: unknown): void {
    this.#log('error', 'handler failed', {
      method: stream.plan.path,
      error: error instanceof Error ? (error.stack ?? error.message) : error,
    });
  }
}
