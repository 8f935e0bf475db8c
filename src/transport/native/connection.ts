/**
 * One HTTP/2 connection of a server (RFC 9113): frames in, and for each call a stream with its states. What a call is and says
 * is in calls.ts, what goes out in sender.ts, and how a connection ends in lifetime.ts.
 */
import type { Socket } from 'node:net';
import {
  CONNECTION_WINDOW_BYTES,
  MAX_HEADER_LIST_BYTES,
  STREAM_RESETS_PER_SECOND,
  STREAM_RESET_BURST,
} from '../limits.ts';
import type { Peer } from '../socket-server.ts';
import type { Methods, TransportLog } from '../transport.ts';
import { Allowance } from './allowance.ts';
import {
  IDLE_FRAME_BURST,
  IDLE_FRAMES_PER_CALL,
  IDLE_FRAMES_PER_SECOND,
  LINGER_MS,
  MAX_REMEMBERED_RESETS,
  MAX_UNSENT_BYTES,
  REFUSED_CALL_BYTES,
  SETTINGS_BURST,
  SETTINGS_PER_SECOND,
  STREAM_ERROR_BURST,
  STREAM_ERRORS_PER_SECOND,
  UNFINISHED_MESSAGE_BYTES,
  UNSENT_PAUSE_BYTES,
  WRITE_STALL_MS,
} from './bounds.ts';
import { MALFORMED, planCall } from './call-plan.ts';
import type { CallPlan } from './call-plan.ts';
import { BAD_COMPRESSION, ONE_MESSAGE_EXPECTED } from './call-status.ts';
import type { Status } from './call-status.ts';
import { Calls } from './calls.ts';
import { ClosedStreams } from './closed-streams.ts';
import { ConnectionError } from './connection-error.ts';
import {
  ErrorCode,
  Flag,
  FrameType,
  INITIAL_WINDOW_BYTES,
  LARGEST_STREAM_ID,
  LARGEST_WINDOW,
  readUint32,
  Setting,
} from './frame.ts';
import { FrameReader } from './frame-reader.ts';
import type { FrameSink } from './frame-reader.ts';
import { HeaderBlock } from './header-block.ts';
import { HpackDecoder } from './hpack/decoder.ts';
import { HpackError } from './hpack/hpack-error.ts';
import { inflate } from './inflate.ts';
import { Lifetime } from './lifetime.ts';
import type { Living } from './lifetime.ts';
import type { MemoryBudget } from './memory-budget.ts';
import { MESSAGE_PREFIX_BYTES } from './message-reader.ts';
import { Output } from './output.ts';
import { PlanCache } from './plan-cache.ts';
import { RequestBodies } from './request-bodies.ts';
import { RequestHead } from './request-head.ts';
import { Sender } from './sender.ts';
import { readSettings } from './settings.ts';
import { Stream } from './stream.ts';

export interface ConnectionOptions {
  readonly methods: Methods;
  readonly maxMessageBytes: number;
  readonly maxConcurrentStreams: number;
  /** 0: never. */
  readonly maxAgeMs: number;
  /** A number from 0 to 1 that spreads the age within the jitter. */
  readonly random: () => number;
  readonly budget: MemoryBudget;
  readonly log: TransportLog;
}

const PRIORITY_BYTES = 5;
const PING_BYTES = 8;
const GOAWAY_BYTES = 8;

export class Connection implements FrameSink, Living {
  readonly #socket: Socket;
  readonly #peer: Peer;
  readonly #options: ConnectionOptions;
  readonly #lifetime: Lifetime;

  readonly #reader = new FrameReader(this);
  readonly #decoder = new HpackDecoder();
  readonly #head = new RequestHead();
  readonly #plans = new PlanCache();
  readonly #block: HeaderBlock;
  readonly #bodies: RequestBodies;
  readonly #calls: Calls;
  readonly #output: Output;
  readonly #sender: Sender;

  readonly #streams = new Map<number, Stream>();
  readonly #closed = new ClosedStreams(MAX_REMEMBERED_RESETS);
  #lastStreamId = 0;
  /** Calls above it came after our last goodbye and are not taken. */
  #lastTakenId = LARGEST_STREAM_ID;
  #settingsSeen = false;
  #receiveWindow = CONNECTION_WINDOW_BYTES;

  readonly #resets = new Allowance(STREAM_RESET_BURST, STREAM_RESETS_PER_SECOND);
  readonly #streamErrors = new Allowance(STREAM_ERROR_BURST, STREAM_ERRORS_PER_SECOND);
  readonly #idleFrames = new Allowance(IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND);
  readonly #settingsFrames = new Allowance(SETTINGS_BURST, SETTINGS_PER_SECOND);

  #calledSince = false;
  #frames = 0;
  #framesSeen = -1;
  #reading = false;
  #flushDue = false;
  #stall: NodeJS.Timeout | null = null;
  #over = false;

  constructor(socket: Socket, peer: Peer, options: ConnectionOptions) {
    this.#socket = socket;
    this.#peer = peer;
    this.#options = options;
    const { maxMessageBytes, budget, log, maxAgeMs, random, maxConcurrentStreams } = options;
    this.#output = new Output(socket, () => this.#flushSoon());
    this.#sender = new Sender(this.#output, budget, (stream) => this.#sent(stream));
    this.#block = new HeaderBlock(budget);
    this.#calls = new Calls(this.#sender, peer, log, (error) => this.#fail(error));
    this.#bodies = new RequestBodies(maxMessageBytes, UNFINISHED_MESSAGE_BYTES, budget, (id, bytes) =>
      this.#sender.windowUpdate(id, bytes),
    );
    // §3.4: SETTINGS is the first frame of a server.
    this.#sender.settings([
      [Setting.maxConcurrentStreams, maxConcurrentStreams],
      [Setting.maxHeaderListSize, MAX_HEADER_LIST_BYTES],
    ]);
    this.#sender.windowUpdate(0, CONNECTION_WINDOW_BYTES - INITIAL_WINDOW_BYTES);
    this.#lifetime = new Lifetime(this, maxAgeMs, random());
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('drain', () => this.#drained());
    // A peer that has closed its side takes no answers any more.
    socket.on('end', () => socket.destroy());
    // Which error it was does not matter: the connection is gone, and its calls with it.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#end());
  }

  leave(noticeTimeoutMs: number): void {
    this.#lifetime.leave(noticeTimeoutMs);
  }

  // ---- for its lifetime

  get prefaceSeen(): boolean {
    return this.#settingsSeen;
  }

  hadCalls(): boolean {
    const had = this.#calledSince;
    this.#calledSince = false;
    return had;
  }

  get hasOpenStreams(): boolean {
    return this.#calls.hasOpenStreams;
  }

  isStuck(): boolean {
    const waits = !this.#reader.betweenFrames || this.#block.isOpen;
    const stuck = waits && this.#framesSeen === this.#frames;
    this.#framesSeen = waits ? this.#frames : -1;
    return stuck;
  }

  ping(payload: Uint8Array): void {
    if (!this.#over) this.#sender.ping(payload);
  }

  announceLeaving(): void {
    if (!this.#over) this.#sender.goaway(LARGEST_STREAM_ID, ErrorCode.noError);
  }

  stopTaking(): void {
    if (this.#over) return;
    this.#calls.endStreams();
    this.#lastTakenId = this.#lastStreamId;
    this.#sender.goaway(this.#lastStreamId, ErrorCode.noError);
    this.#closeWhenDone();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  // ---- reading and writing

  #read(chunk: Buffer): void {
    if (this.#over) return;
    this.#reading = true;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.#fail(error);
    }
    this.#reading = false;
    this.#flush();
  }

  #flushSoon(): void {
    if (this.#reading || this.#flushDue) return;
    this.#flushDue = true;
    // Behind all promises that are kept by now: their answers leave together.
    process.nextTick(() => {
      this.#flushDue = false;
      this.#flush();
    });
  }

  #flush(): void {
    this.#output.flush();
    const unsent = this.#output.unsentBytes;
    if (unsent <= UNSENT_PAUSE_BYTES) return;
    if (unsent > MAX_UNSENT_BYTES) this.destroy();
    if (this.#stall !== null || this.#socket.destroyed) return;
    // Who takes no answers gets to ask no more.
    this.#socket.pause();
    this.#stall = setTimeout(() => this.destroy(), WRITE_STALL_MS).unref();
  }

  #drained(): void {
    if (this.#stall !== null) {
      clearTimeout(this.#stall);
      this.#stall = null;
      this.#socket.resume();
    }
    if (this.#over) return;
    this.#sender.resume();
    this.#flush();
  }

  /** Tells the peer what it did (§5.4.1), and closes. */
  #fail(error: unknown): void {
    if (this.#over) return;
    let code: ErrorCode = ErrorCode.internalError;
    if (error instanceof ConnectionError) code = error.code;
    else if (error instanceof HpackError) code = ErrorCode.compressionError;
    const known = code !== ErrorCode.internalError;
    this.#options.log(known ? 'debug' : 'error', known ? 'peer breaks the protocol' : 'connection failed', {
      peer: this.#socket.remoteAddress,
      code,
      error: error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : error,
    });
    this.#sender.goaway(this.#lastStreamId, code);
    this.#close();
  }

  #closeWhenDone(): void {
    if (this.#lastTakenId !== LARGEST_STREAM_ID && this.#streams.size === 0) this.#close();
  }

  /** Everything that was written still goes out; what still comes is read and dropped, or the peer would see a reset. */
  #close(): void {
    if (this.#over) return;
    this.#output.flush();
    this.#end();
    this.#socket.end();
    this.#socket.resume();
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
  }

  #end(): void {
    if (this.#stall !== null) clearTimeout(this.#stall);
    if (this.#over) return;
    this.#over = true;
    this.#reader.stop();
    this.#block.drop();
    this.#lifetime.end();
    for (const stream of this.#streams.values()) this.#drop(stream);
  }

  // ---- frames

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#frames = (this.#frames + 1) | 0;
    // §6.10: nothing comes between the frames of a header block.
    if (this.#block.isOpen && (type !== FrameType.continuation || streamId !== this.#block.streamId)) {
      throw new ConnectionError(ErrorCode.protocolError, 'frame within a header block');
    }
    if (!this.#settingsSeen) this.#expectSettings(type, flags);
    switch (type) {
      case FrameType.data:
        this.#onData(flags, streamId, bytes, start, end);
        break;
      case FrameType.headers:
        this.#onHeaders(flags, streamId, bytes, start, end);
        break;
      case FrameType.priority:
        this.#onPriority(streamId, bytes, start, end);
        break;
      case FrameType.rstStream:
        this.#onReset(streamId, end - start);
        break;
      case FrameType.settings:
        this.#onSettings(flags, streamId, bytes, start, end);
        break;
      case FrameType.pushPromise:
        // §8.4: "A client cannot push".
        throw new ConnectionError(ErrorCode.protocolError, 'PUSH_PROMISE from a client');
      case FrameType.ping:
        this.#onPing(flags, streamId, bytes, start, end);
        break;
      case FrameType.goaway:
        this.#onGoaway(streamId, end - start);
        break;
      case FrameType.windowUpdate:
        this.#onWindowUpdate(streamId, bytes, start, end);
        break;
      case FrameType.continuation:
        this.#onContinuation(flags, bytes, start, end);
        break;
      default:
        // §5.5: "Implementations MUST ignore unknown or unsupported values in all extensible protocol elements."
        this.#idle();
    }
  }

  /** §3.4: "The client connection preface … MUST be followed by a SETTINGS frame". */
  #expectSettings(type: number, flags: number): void {
    if (type !== FrameType.settings || (flags & Flag.ack) !== 0) {
      throw new ConnectionError(ErrorCode.protocolError, 'no SETTINGS behind the preface');
    }
    this.#settingsSeen = true;
  }

  /** §6.1. */
  #onData(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
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
      if (from === to) this.#idle();
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

  /** §6.2. */
  #onHeaders(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    // §5.1.1: "Streams initiated by a client MUST use odd-numbered stream identifiers".
    if ((streamId & 1) === 0) throw new ConnectionError(ErrorCode.protocolError, 'HEADERS on a stream of no client');
    let from = start;
    let to = end;
    let dependsOnItself = false;
    if ((flags & (Flag.padded | Flag.priority)) !== 0) {
      const priorityBytes = (flags & Flag.priority) === 0 ? 0 : PRIORITY_BYTES;
      if ((flags & Flag.padded) !== 0) {
        to = withoutPadding(bytes, start, end, priorityBytes);
        from++;
      }
      if (from + priorityBytes > to) throw new ConnectionError(ErrorCode.frameSizeError, 'HEADERS cut off');
      if (priorityBytes > 0) dependsOnItself = (readUint32(bytes, from) & LARGEST_STREAM_ID) === streamId;
      from += priorityBytes;
    }
    const endStream = (flags & Flag.endStream) !== 0;
    if ((flags & Flag.endHeaders) !== 0) this.#onBlock(streamId, endStream, dependsOnItself, bytes, from, to);
    else this.#block.begin(streamId, endStream, dependsOnItself, bytes, from, to);
  }

  /** §6.10. */
  #onContinuation(flags: number, bytes: Buffer, start: number, end: number): void {
    const block = this.#block;
    if (!block.isOpen) throw new ConnectionError(ErrorCode.protocolError, 'CONTINUATION of nothing');
    block.add(bytes, start, end);
    if ((flags & Flag.endHeaders) === 0) return;
    const { streamId, endStream, dependsOnItself } = block;
    const whole = block.end();
    this.#onBlock(streamId, endStream, dependsOnItself, whole, 0, whole.length);
  }

  #onBlock(
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
      this.#closed.reset(streamId);
      return;
    }
    this.#lastStreamId = streamId;
    this.#calledSince = true;
    this.#idleFrames.giveBack(IDLE_FRAMES_PER_CALL);
    if (plan === MALFORMED || dependsOnItself) {
      this.#streamError(streamId, ErrorCode.protocolError);
    } else if (this.#streams.size + this.#calls.abandoned >= this.#options.maxConcurrentStreams) {
      this.#refuseStream(streamId);
    } else {
      const stream = new Stream(streamId, plan, this.#sender.initialWindow);
      stream.refused = plan.refusal !== null || plan.httpStatus !== 0;
      this.#streams.set(streamId, stream);
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
      if (this.#closed.wasReset(streamId)) return;
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

  /** §6.3; what it says is deprecated (§5.3.2). */
  #onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.protocolError, 'PRIORITY on stream 0');
    if (end - start !== PRIORITY_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'bad PRIORITY');
    if ((readUint32(bytes, start) & LARGEST_STREAM_ID) === streamId) {
      throw new ConnectionError(ErrorCode.protocolError, 'stream depends on itself');
    }
    this.#idle();
  }

  /** §6.4. */
  #onReset(streamId: number, length: number): void {
    if (length !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'bad RST_STREAM');
    if (streamId === 0 || streamId > this.#lastStreamId) {
      if (streamId !== 0 && this.#closed.wasReset(streamId)) return;
      throw new ConnectionError(ErrorCode.protocolError, 'RST_STREAM on an idle stream');
    }
    // Rapid reset (CVE-2023-44487): the work is done by then, and the stream no longer counts.
    if (!this.#resets.spend()) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many resets');
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#drop(stream);
  }

  /** §6.5. */
  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & Flag.ack) !== 0) {
      if (end > start) throw new ConnectionError(ErrorCode.frameSizeError, 'acknowledgement with settings');
      this.#idle();
      return;
    }
    if (!this.#settingsFrames.spend()) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many SETTINGS');
    const { initialWindow, smallerTable } = readSettings(bytes, start, end);
    if (smallerTable) this.#sender.lowerTableSize();
    this.#sender.settingsAck();
    if (initialWindow === null) return;
    // §6.9.2: "a receiver MUST adjust the size of all stream flow-control windows … by the difference".
    const difference = initialWindow - this.#sender.initialWindow;
    this.#sender.initialWindow = initialWindow;
    for (const stream of this.#streams.values()) {
      if (!this.#sender.growStream(stream, difference)) {
        throw new ConnectionError(ErrorCode.flowControlError, 'window above its bound');
      }
    }
  }

  /** §6.7. */
  #onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'PING on a stream');
    if (end - start !== PING_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'bad PING');
    this.#idle();
    if ((flags & Flag.ack) !== 0) this.#lifetime.pong(bytes, start, end);
    else this.#sender.pong(bytes, start, end);
  }

  /** §6.8: it names streams that we have opened, and a server opens none. */
  #onGoaway(streamId: number, length: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'GOAWAY on a stream');
    if (length < GOAWAY_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'bad GOAWAY');
    this.#idle();
  }

  /** §6.9. */
  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== 4) throw new ConnectionError(ErrorCode.frameSizeError, 'bad WINDOW_UPDATE');
    const increment = readUint32(bytes, start) & LARGEST_WINDOW;
    this.#idle();
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE of nothing');
      if (!this.#sender.grow(increment))
        throw new ConnectionError(ErrorCode.flowControlError, 'window above its bound');
      return;
    }
    const stream = this.#streams.get(streamId);
    if (stream === undefined) {
      if (streamId > this.#lastStreamId && !this.#closed.wasReset(streamId)) {
        throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
      }
      // §5.1: on a closed one it may be late.
      return;
    }
    if (increment === 0) this.#streamError(streamId, ErrorCode.protocolError);
    else if (!this.#sender.growStream(stream, increment)) this.#streamError(streamId, ErrorCode.flowControlError);
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
    this.#sender.windowUpdate(0, CONNECTION_WINDOW_BYTES - this.#receiveWindow);
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
    inflate(message, this.#options.maxMessageBytes, (result) => {
      if (stream.gone) return;
      try {
        if (result instanceof Uint8Array) this.#calls.run(stream, result);
        else this.#calls.refuse(stream, result);
      } catch (error) {
        this.#fail(error);
      }
    });
  }

  // ---- ends of streams

  /** All of the answer is out. */
  #sent(stream: Stream): void {
    if (!stream.remoteClosed) {
      // §8.1: "a server MAY request that the client abort transmission of a request without error".
      this.#sender.reset(stream.id, ErrorCode.noError);
      this.#closed.reset(stream.id);
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
    this.#sender.reset(streamId, code);
    this.#closed.reset(streamId);
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#drop(stream);
  }

  #drop(stream: Stream): void {
    stream.gone = true;
    this.#streams.delete(stream.id);
    this.#closed.closed(stream.id);
    if (stream.handlerRuns) this.#calls.abandon();
    if (!stream.localClosed) this.#sender.drop(stream);
    if (stream.reader !== null) this.#bodies.drop(stream);
    if (stream.deadline !== null || stream.ended !== null) this.#calls.gone(stream);
    if (!this.#over) this.#closeWhenDone();
  }

  /** DATA on a stream that is not open. */
  #onClosedStream(streamId: number): void {
    // §5.1: frames that were under way when we reset it are ignored.
    if (this.#closed.wasReset(streamId)) return;
    const idle = streamId > this.#lastStreamId || (streamId & 1) === 0;
    throw new ConnectionError(
      idle ? ErrorCode.protocolError : ErrorCode.streamClosed,
      'DATA on a stream that is not open',
    );
  }

  #idle(): void {
    if (!this.#idleFrames.spend())
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many frames without a call');
  }
}

/** Where the payload ends. §6.1: padding as long as the payload or longer is a PROTOCOL_ERROR. */
function withoutPadding(bytes: Buffer, start: number, end: number, fixedBytes: number): number {
  if (start === end) throw new ConnectionError(ErrorCode.frameSizeError, 'padded frame without a length');
  const to = end - bytes[start]!;
  if (to < start + 1 + fixedBytes) throw new ConnectionError(ErrorCode.protocolError, 'padding beyond the frame');
  return to;
}

/** One message, not compressed, and nothing else. */
function isWholeMessage(bytes: Buffer, start: number, end: number, maxBytes: number): boolean {
  const length = end - start - MESSAGE_PREFIX_BYTES;
  return length >= 0 && bytes[start] === 0 && length <= maxBytes && readUint32(bytes, start + 1) === length;
}
