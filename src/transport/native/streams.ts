/**
 * The streams of a connection (RFC 9113 §5): each is one call, from its header block to its answer or its reset. What is sent
 * back is in sender.ts, what a handler says in calls.ts.
 */
import { CONNECTION_WINDOW_BYTES, STREAM_RESETS_PER_SECOND, STREAM_RESET_BURST } from '../limits.ts';
import type { Counters } from '../counts.ts';
import type { Peer } from '../socket-server.ts';
import type { Methods, TransportLog } from '../transport.ts';
import { Allowance } from './allowance.ts';
import {
  IDLE_FRAMES_PER_CALL,
  FREE_STREAMS,
  REFUSED_CALL_BYTES,
  STREAM_BYTES,
  STREAMS_COUNTED_AT_ONCE,
  STREAM_ERROR_BURST,
  STREAM_ERRORS_PER_SECOND,
} from './bounds.ts';
import { MALFORMED, planCall } from './call-plan.ts';
import type { CallPlan } from './call-plan.ts';
import { BAD_COMPRESSION, ONE_MESSAGE_EXPECTED } from './call-status.ts';
import type { Status } from './call-status.ts';
import { Calls } from './calls.ts';
import { ClosedStreams } from './closed-streams.ts';
import { ConnectionError } from './connection-error.ts';
import { ErrorCode, Flag, INITIAL_WINDOW_BYTES, LARGEST_STREAM_ID, readUint32 } from './frame.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { inflate } from './inflate.ts';
import type { MemoryAccount } from './memory-budget.ts';
import { MESSAGE_PREFIX_BYTES } from './message-reader.ts';
import { withoutPadding } from './padding.ts';
import { PlanCache } from './plan-cache.ts';
import { RequestBodies } from './request-bodies.ts';
import { RequestHead } from './request-head.ts';
import { Sender } from './sender.ts';
import type { Output } from './output.ts';
import { Stream } from './stream.ts';

export interface StreamsOptions {
  readonly methods: Methods;
  readonly maxMessageBytes: number;
  /** Of one connection, above which it is held back. */
  readonly maxUnfinishedBytes: number;
  readonly maxConcurrentStreams: number;
  readonly counters: Counters;
  readonly log: TransportLog;
}

/** The connection as its streams see it. */
export interface StreamsOwner {
  /** Frames that carry no call; each call gives some back. */
  readonly idleFrames: Allowance;
  /** Throws {@link ConnectionError} when there were too many. */
  idle(): void;
  /** What went wrong outside of the reading of a frame. */
  fail(error: unknown): void;
  /** No stream is open any more. */
  emptied(): void;
}

export class Streams {
  readonly #owner: StreamsOwner;
  readonly #peer: Peer;
  readonly #options: StreamsOptions;
  readonly sender: Sender;

  readonly #decoder = new HpackDecoder();
  readonly #head = new RequestHead();
  readonly #plans = new PlanCache();
  readonly #bodies: RequestBodies;
  readonly #calls: Calls;

  readonly #streams = new Map<number, Stream>();
  readonly #memory: MemoryAccount;
  /** Open streams that the account has been charged for. */
  #streamsCounted = FREE_STREAMS;
  readonly #closed = new ClosedStreams();
  #lastStreamId = 0;
  /** Calls above it came after our last goodbye and are not taken. */
  #lastTakenId = LARGEST_STREAM_ID;
  #receiveWindow = CONNECTION_WINDOW_BYTES;

  readonly #resets = new Allowance(STREAM_RESET_BURST, STREAM_RESETS_PER_SECOND);
  readonly #streamErrors = new Allowance(STREAM_ERROR_BURST, STREAM_ERRORS_PER_SECOND);
  #calledSince = false;

  constructor(output: Output, peer: Peer, memory: MemoryAccount, options: StreamsOptions, owner: StreamsOwner) {
    this.#owner = owner;
    this.#peer = peer;
    this.#options = options;
    this.#memory = memory;
    const { maxMessageBytes, maxUnfinishedBytes, log } = options;
    this.sender = new Sender(output, memory, (stream) => this.#sent(stream));
    this.#calls = new Calls(this.sender, peer, memory, log, (error) => owner.fail(error));
    this.#bodies = new RequestBodies(maxMessageBytes, maxUnfinishedBytes, memory, (id, bytes) =>
      this.sender.windowUpdate(id, bytes),
    );
  }

  /** The last one that the peer has opened. */
  get lastId(): number {
    return this.#lastStreamId;
  }

  get hasOpenStreams(): boolean {
    return this.#calls.hasOpenStreams;
  }

  get isEmpty(): boolean {
    return this.#streams.size === 0;
  }

  hadCalls(): boolean {
    const had = this.#calledSince;
    this.#calledSince = false;
    return had;
  }

  /** Ends the calls that do not end by themselves, and takes no more. */
  stopTaking(): void {
    this.#calls.endStreams();
    this.#lastTakenId = this.#lastStreamId;
  }

  /**
   * Resets the calls that have been waiting for their peer since this was asked last: for the rest of the request, or for a window.
   */
  resetStuck(): void {
    for (const stream of this.#streams.values()) {
      const waits = !stream.remoteClosed || stream.unsent !== null;
      if (waits && stream.waited) this.#resetStream(stream.id, ErrorCode.cancel);
      else stream.waited = waits;
    }
  }

  /** The connection is over. */
  end(): void {
    this.#options.counters.callsLost += this.#streams.size;
    for (const stream of this.#streams.values()) this.#drop(stream);
  }

  // ---- frames

  /** §6.1. */
  data(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.protocolError, 'DATA on stream 0');
    this.#receive(end - start);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      this.#onClosedStream(streamId);
      return;
    }
    // §5.1: "half-closed (remote)".
    if (stream.remoteClosed) {
      this.#streamError(streamId, ErrorCode.streamClosed);
      return;
    }
    stream.windowUsed += end - start;
    if (stream.windowUsed > INITIAL_WINDOW_BYTES) {
      this.#streamError(streamId, ErrorCode.flowControlError);
      return;
    }
    let from = start;
    let to = end;
    if ((flags & Flag.padded) !== 0) {
      to = withoutPadding(bytes, start, end, 0);
      from = start + 1;
    }
    stream.receivedBytes += to - from;
    if ((flags & Flag.endStream) === 0) {
      if (from === to) this.#owner.idle();
      this.#takePiece(stream, bytes, from, to);
      if (stream.gone) return;
      if (stream.refused) this.#cutRefused(stream);
      else this.#bodies.letContinue(stream);
      return;
    }
    stream.remoteClosed = true;
    if (stream.reader === null && isWholeMessage(bytes, from, to, this.#options.maxMessageBytes) && !stream.refused) {
      if (this.#lengthIsWrong(stream)) return;
      this.#calls.run(stream, bytes.subarray(from + MESSAGE_PREFIX_BYTES, to));
      return;
    }
    this.#takePiece(stream, bytes, from, to);
    this.#requestEnded(stream);
  }

  /** A whole header block (§4.3). */
  block(
    streamId: number,
    endStream: boolean,
    dependsOnItself: boolean,
    bytes: Buffer,
    start: number,
    end: number,
  ): void {
    if (streamId <= this.#lastStreamId) {
      this.#onLaterBlock(streamId, endStream, bytes, start, end);
      return;
    }
    const plan = this.#plan(bytes, start, end);
    if (streamId > this.#lastTakenId) {
      // §6.8: it knows from our goodbye that it may try again elsewhere.
      this.#owner.idle();
      return;
    }
    this.#lastStreamId = streamId;
    this.#options.counters.callsStarted++;
    this.#calledSince = true;
    this.#owner.idleFrames.giveBack(IDLE_FRAMES_PER_CALL);
    if (plan === MALFORMED || dependsOnItself) {
      this.#options.counters.callsRefused++;
      this.#streamError(streamId, ErrorCode.protocolError);
    } else if (this.#streams.size + this.#calls.abandoned >= this.#options.maxConcurrentStreams) {
      this.#options.counters.callsRefused++;
      this.#refuseStream(streamId);
    } else {
      const stream = new Stream(streamId, plan, this.sender.initialWindow);
      stream.refused = plan.refusal !== null || plan.httpStatus !== 0;
      this.#streams.set(streamId, stream);
      if (this.#streams.size > this.#streamsCounted) this.#countStreams();
      if (!endStream) return;
      stream.remoteClosed = true;
      this.#requestEnded(stream);
    }
  }

  /** A block on a stream that was opened before: trailers, or a mistake. */
  #onLaterBlock(streamId: number, endStream: boolean, bytes: Buffer, start: number, end: number): void {
    // Whatever becomes of it, the table must stay in step (§4.3).
    this.#decode(bytes, start, end);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (this.#closed.wasReset(streamId)) {
        this.#owner.idle();
        return;
      }
      // §5.1.1: "An endpoint that receives an unexpected stream identifier MUST respond with … PROTOCOL_ERROR".
      const code = this.#closed.wasOpen(streamId) ? ErrorCode.streamClosed : ErrorCode.protocolError;
      throw new ConnectionError(code, 'HEADERS on a closed stream');
    }
    if (stream.remoteClosed) {
      this.#streamError(streamId, ErrorCode.streamClosed);
    } else if (!endStream || !this.#head.isTrailers) {
      // §8.1: a block in the middle that does not end the stream is malformed.
      this.#streamError(streamId, ErrorCode.protocolError);
    } else {
      stream.remoteClosed = true;
      this.#requestEnded(stream);
    }
  }

  /** §6.4. */
  peerReset(streamId: number): void {
    if (streamId === 0 || streamId > this.#lastStreamId) {
      if (!this.#isUntaken(streamId)) {
        throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM on an idle stream');
      }
      this.#owner.idle();
      return;
    }
    // Rapid reset (CVE-2023-44487): the work is done by then, and the stream no longer counts.
    if (!this.#resets.spend()) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many resets');
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    this.#options.counters.callsCancelled++;
    this.#closed.closed(streamId);
    this.#drop(stream);
  }

  /** §6.9.2: "a receiver MUST adjust the size of all stream flow-control windows … by the difference". */
  useInitialWindow(bytes: number): void {
    const difference = bytes - this.sender.initialWindow;
    this.sender.initialWindow = bytes;
    for (const stream of this.#streams.values()) {
      if (!this.sender.growStream(stream, difference)) {
        throw new ConnectionError(ErrorCode.flowControlError, 'window above its bound');
      }
    }
  }

  /** §6.9, for the window of a stream. */
  windowUpdate(streamId: number, increment: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.#lastStreamId && !this.#isUntaken(streamId)) {
        throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
      }
      // §5.1: on a closed one it may be late.
      return;
    }
    if (increment === 0) this.#streamError(streamId, ErrorCode.protocolError);
    else if (!this.sender.growStream(stream, increment)) this.#streamError(streamId, ErrorCode.flowControlError);
  }

  // ---- requests

  #plan(bytes: Buffer, start: number, end: number): CallPlan {
    const before = this.#decoder.generation;
    const known = this.#plans.find(bytes, start, end, before);
    if (known !== null) return known;
    this.#decode(bytes, start, end);
    const plan = planCall(this.#head, this.#options.methods, this.#peer);
    if (this.#decoder.generation === before) this.#plans.add(bytes, start, end, before, plan);
    return plan;
  }

  #decode(bytes: Buffer, start: number, end: number): void {
    this.#head.reset();
    this.#decoder.decode(bytes, start, end, this.#head);
  }

  /** The window of the connection is always opened again: what holds a peer back are those of its streams. */
  #receive(bytes: number): void {
    this.#receiveWindow -= bytes;
    if (this.#receiveWindow < 0) throw new ConnectionError(ErrorCode.flowControlError, 'window overrun');
    if (this.#receiveWindow > CONNECTION_WINDOW_BYTES >> 1) return;
    this.sender.windowUpdate(0, CONNECTION_WINDOW_BYTES - this.#receiveWindow);
    this.#receiveWindow = CONNECTION_WINDOW_BYTES;
  }

  #takePiece(stream: Stream, bytes: Uint8Array, start: number, end: number): void {
    if (stream.refused || start === end) return;
    const problem = this.#bodies.push(stream, bytes, start, end);
    if (problem !== null) this.#refuseLater(stream, problem);
  }

  /** The request is read to its end, or to a bound, before it is answered: that spares the peer a reset. */
  #refuseLater(stream: Stream, status: Status): void {
    stream.refused = true;
    stream.refusal = status;
    this.#bodies.drop(stream);
    stream.receivedBytesRefused = stream.receivedBytes;
  }

  #cutRefused(stream: Stream): void {
    if (stream.receivedBytes - stream.receivedBytesRefused > REFUSED_CALL_BYTES) this.#answerRefused(stream);
  }

  #answerRefused(stream: Stream): void {
    if (stream.plan.httpStatus !== 0) this.#calls.refuseHttp(stream);
    else this.#calls.refuse(stream, (stream.refusal ?? stream.plan.refusal)!);
  }

  /** §8.1.1: a content-length that "does not equal the sum of the DATA frame payload lengths" is malformed. */
  #lengthIsWrong(stream: Stream): boolean {
    const { contentLength } = stream.plan;
    if (contentLength === -1 || contentLength === stream.receivedBytes) return false;
    this.#streamError(stream.id, ErrorCode.protocolError);
    return true;
  }

  #requestEnded(stream: Stream): void {
    if (this.#lengthIsWrong(stream)) return;
    if (stream.refused) {
      this.#answerRefused(stream);
      return;
    }
    if (stream.reader === null) {
      this.#calls.refuse(stream, ONE_MESSAGE_EXPECTED);
      return;
    }
    const message = this.#bodies.end(stream);
    if (!(message instanceof Uint8Array)) this.#calls.refuse(stream, message);
    else if (!stream.reader.compressed) this.#calls.run(stream, message);
    else if (!stream.plan.gzip) this.#calls.refuse(stream, BAD_COMPRESSION);
    else this.#inflate(stream, message);
  }

  #inflate(stream: Stream, message: Uint8Array): void {
    const bytes = message.buffer.byteLength;
    this.#memory.take(bytes);
    inflate(message, this.#options.maxMessageBytes, (result) => {
      this.#memory.giveBack(bytes);
      if (stream.gone) return;
      try {
        if (result instanceof Uint8Array) this.#calls.run(stream, result);
        else this.#calls.refuse(stream, result);
      } catch (error) {
        this.#owner.fail(error);
      }
    });
  }

  // ---- ends of streams

  /** All of the answer is out. */
  #sent(stream: Stream): void {
    this.#options.counters.answered(stream.status);
    if (!stream.remoteClosed) {
      // §8.1: "a server MAY request that the client abort transmission of a request without error".
      this.sender.reset(stream.id, ErrorCode.noError);
      this.#closed.reset(stream.id);
    } else {
      this.#closed.closed(stream.id);
    }
    this.#drop(stream);
  }

  /** §5.4.2. Each has cost us more than the peer (MadeYouReset, CVE-2025-8671), so they are counted. */
  #streamError(streamId: number, code: ErrorCode): void {
    if (!this.#streamErrors.spend()) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many stream errors');
    this.#resetStream(streamId, code);
  }

  /** §5.1.2. Before it has read our SETTINGS a peer may not know better. */
  #refuseStream(streamId: number): void {
    if (!this.#resets.spend()) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many refused streams');
    this.#resetStream(streamId, ErrorCode.refusedStream);
  }

  #resetStream(streamId: number, code: ErrorCode): void {
    this.sender.reset(streamId, code);
    this.#closed.reset(streamId);
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    this.#options.counters.callsRefused++;
    this.#drop(stream);
  }

  #drop(stream: Stream): void {
    stream.gone = true;
    this.#streams.delete(stream.id);
    if (stream.handlerRuns) this.#calls.abandon();
    if (!stream.localClosed) this.sender.drop(stream);
    if (stream.reader !== null) this.#bodies.drop(stream);
    if (stream.deadline !== null || stream.ended !== null) this.#calls.gone(stream);
    if (this.#streams.size > 0) return;
    if (this.#streamsCounted > FREE_STREAMS) this.#uncountStreams();
    this.#owner.emptied();
  }

  /** DATA on a stream that is not open. */
  #onClosedStream(streamId: number): void {
    const isIdle = (streamId > this.#lastStreamId && !this.#isUntaken(streamId)) || (streamId & 1) === 0;
    if (isIdle) throw new ConnectionError(ErrorCode.protocolError, 'DATA on an idle stream');
    if (this.#closed.wasOpen(streamId)) throw new ConnectionError(ErrorCode.streamClosed, 'DATA on a closed stream');
    // §5.1: what was under way when we reset it is ignored. So is what comes so late that nobody knows of the stream any more.
    this.#owner.idle();
  }

  /** It came after our last goodbye, from a peer that had not read that. */
  #isUntaken(streamId: number): boolean {
    return streamId > this.#lastTakenId;
  }

  #countStreams(): void {
    this.#memory.take(STREAMS_COUNTED_AT_ONCE * STREAM_BYTES);
    this.#streamsCounted += STREAMS_COUNTED_AT_ONCE;
  }

  #uncountStreams(): void {
    this.#memory.giveBack((this.#streamsCounted - FREE_STREAMS) * STREAM_BYTES);
    this.#streamsCounted = FREE_STREAMS;
  }
}

/** One message, not compressed, and nothing else. */
function isWholeMessage(bytes: Buffer, start: number, end: number, maxBytes: number): boolean {
  const length = end - start - MESSAGE_PREFIX_BYTES;
  return length >= 0 && bytes[start] === 0 && length <= maxBytes && readUint32(bytes, start + 1) === length;
}
