/**
 * One HTTP/2 connection of a server (RFC 9113): its frames, and its socket. What frames mean for a call is in streams.ts, what
 * goes out in sender.ts, and how a connection ends in lifetime.ts.
 */
import type { Socket } from 'node:net';
import { CONNECTION_WINDOW_BYTES, MAX_HEADER_LIST_BYTES } from '../limits.ts';
import type { ConnectionFault } from '../counts.ts';
import type { Peer } from '../socket-server.ts';
import { Allowance } from './allowance.ts';
import {
  IDLE_FRAME_BURST,
  IDLE_FRAMES_PER_SECOND,
  LINGER_MS,
  MAX_UNSENT_BYTES,
  SETTINGS_BURST,
  SETTINGS_PER_SECOND,
  UNSENT_COUNTED_BYTES,
  UNSENT_PAUSE_BYTES,
  WRITE_STALL_MS,
} from './bounds.ts';
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
import { HpackError } from './hpack/hpack-error.ts';
import { Lifetime } from './lifetime.ts';
import type { Living } from './lifetime.ts';
import type { MemoryAccount, MemoryBudget } from './memory-budget.ts';
import { Output } from './output.ts';
import { withoutPadding } from './padding.ts';
import type { Sender } from './sender.ts';
import { readSettings } from './settings.ts';
import { Streams } from './streams.ts';
import type { StreamsOptions, StreamsOwner } from './streams.ts';

export interface ConnectionOptions extends StreamsOptions {
  readonly budget: MemoryBudget;
  /** 0: never. */
  readonly maxAgeMs: number;
  /** A number from 0 to 1 that spreads the age within the jitter. */
  readonly random: () => number;
}

const PRIORITY_BYTES = 5;
const RESET_BYTES = 4;
const WINDOW_UPDATE_BYTES = 4;
const PING_BYTES = 8;
const GOAWAY_BYTES = 8;

export class Connection implements FrameSink, Living, StreamsOwner {
  readonly #socket: Socket;
  readonly #options: ConnectionOptions;
  readonly #lifetime: Lifetime;

  readonly #reader: FrameReader;
  readonly #memory: MemoryAccount;
  readonly #block: HeaderBlock;
  readonly #output: Output;
  readonly #streams: Streams;
  readonly #sender: Sender;
  #settingsSeen = false;
  #settingsAcknowledged = false;
  #leaving = false;

  readonly idleFrames = new Allowance(IDLE_FRAME_BURST, IDLE_FRAMES_PER_SECOND);
  readonly #settingsFrames = new Allowance(SETTINGS_BURST, SETTINGS_PER_SECOND);

  #frames = 0;
  #framesSeen = -1;
  #takenSeen = -1;
  /** Of what the peer has not taken, what its account is charged for. */
  #unsentCounted = 0;
  #reading = false;
  #flushDue = false;
  #stall: NodeJS.Timeout | null = null;
  #over = false;

  constructor(socket: Socket, peer: Peer, options: ConnectionOptions) {
    this.#socket = socket;
    this.#options = options;
    const { budget, maxAgeMs, random, maxConcurrentStreams } = options;
    this.#output = new Output(socket, () => this.#flushSoon());
    this.#memory = budget.open((error) => this.fail(error));
    this.#reader = new FrameReader(this, this.#memory);
    this.#block = new HeaderBlock(this.#memory);
    this.#streams = new Streams(this.#output, peer, this.#memory, options, this);
    this.#sender = this.#streams.sender;
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
    return this.#streams.hadCalls();
  }

  get hasOpenStreams(): boolean {
    return this.#streams.hasOpenStreams;
  }

  isStuck(): boolean {
    const waits = !this.#reader.betweenFrames || this.#block.isOpen;
    const stuck = waits && this.#framesSeen === this.#frames;
    this.#framesSeen = waits ? this.#frames : -1;
    const { bytesWritten, writableLength } = this.#socket;
    const taken = bytesWritten - writableLength;
    const takesNothing = writableLength > 0 && this.#takenSeen === taken;
    this.#takenSeen = writableLength > 0 ? taken : -1;
    return stuck || takesNothing;
  }

  resetStuckCalls(): void {
    this.#streams.resetStuck();
  }

  get settingsAcknowledged(): boolean {
    return this.#settingsAcknowledged;
  }

  failSettings(): void {
    this.fail(new ConnectionError(ErrorCode.settingsTimeout, 'SETTINGS are not acknowledged'));
  }

  ping(payload: Uint8Array): void {
    if (!this.#over) this.#sender.ping(payload);
  }

  announceLeaving(): void {
    if (!this.#over) this.#sender.goaway(LARGEST_STREAM_ID, ErrorCode.noError);
  }

  stopTaking(): void {
    if (this.#over) return;
    this.#streams.stopTaking();
    this.#leaving = true;
    this.#sender.goaway(this.#streams.lastId, ErrorCode.noError);
    if (this.#streams.isEmpty) this.#close();
  }

  destroy(fault: ConnectionFault | null): void {
    if (this.#over || this.#socket.destroyed) return;
    if (fault !== null) this.#options.counters.fault(fault);
    this.#socket.destroy();
  }

  // ---- reading and writing

  #read(chunk: Buffer): void {
    if (this.#over) return;
    this.#reading = true;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      this.fail(error);
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
    if (unsent > UNSENT_COUNTED_BYTES || this.#unsentCounted > 0) this.#countUnsent(unsent);
    if (unsent <= UNSENT_PAUSE_BYTES) return;
    if (unsent > MAX_UNSENT_BYTES) this.destroy('memory');
    if (this.#stall !== null || this.#socket.destroyed) return;
    // Who takes no answers gets to ask no more.
    this.#socket.pause();
    this.#stall = setTimeout(() => this.destroy('stalled'), WRITE_STALL_MS).unref();
  }

  #countUnsent(bytes: number): void {
    if (this.#over) return;
    try {
      if (bytes > this.#unsentCounted) this.#memory.take(bytes - this.#unsentCounted);
      else this.#memory.giveBack(this.#unsentCounted - bytes);
      this.#unsentCounted = bytes;
    } catch (error) {
      this.fail(error);
    }
  }

  #drained(): void {
    if (this.#unsentCounted > 0) this.#countUnsent(this.#output.unsentBytes);
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
  fail(error: unknown): void {
    if (this.#over) return;
    const { code, fault } = asConnectionError(error);
    const known = fault !== 'internal';
    this.#options.counters.fault(fault);
    this.#options.log(known ? 'debug' : 'error', known ? 'peer breaks the protocol' : 'connection failed', {
      peer: this.#socket.remoteAddress,
      code,
      error: error instanceof Error ? (known ? error.message : (error.stack ?? error.message)) : error,
    });
    this.#sender.goaway(this.#streams.lastId, code);
    this.#close();
    // What waits in the socket is what there is too much of.
    if (fault === 'memory' && this.#output.unsentBytes > UNSENT_COUNTED_BYTES) this.#socket.destroy();
  }

  emptied(): void {
    if (this.#leaving) this.#close();
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
    this.#memory.giveBack(this.#unsentCounted);
    this.#options.budget.forget(this.#memory);
    this.#lifetime.end();
    this.#streams.end();
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
        this.#streams.data(flags, streamId, bytes, start, end);
        break;
      case FrameType.headers:
        this.#onHeaders(flags, streamId, bytes, start, end);
        break;
      case FrameType.priority:
        this.#onPriority(streamId, bytes, start, end);
        break;
      case FrameType.rstStream:
        if (end - start !== RESET_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'bad RST_STREAM');
        this.#streams.peerReset(streamId);
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
        this.idle();
    }
  }

  /** §3.4: "The client connection preface … MUST be followed by a SETTINGS frame". */
  #expectSettings(type: number, flags: number): void {
    if (type !== FrameType.settings || (flags & Flag.ack) !== 0) {
      throw new ConnectionError(ErrorCode.protocolError, 'no SETTINGS behind the preface');
    }
    this.#settingsSeen = true;
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
    if ((flags & Flag.endHeaders) !== 0) this.#streams.block(streamId, endStream, dependsOnItself, bytes, from, to);
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
    this.#streams.block(streamId, endStream, dependsOnItself, whole, 0, whole.length);
  }

  /** §6.3; what it says is deprecated (§5.3.2). */
  #onPriority(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId === 0) throw new ConnectionError(ErrorCode.protocolError, 'PRIORITY on stream 0');
    if (end - start !== PRIORITY_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'bad PRIORITY');
    if ((readUint32(bytes, start) & LARGEST_STREAM_ID) === streamId) {
      throw new ConnectionError(ErrorCode.protocolError, 'stream depends on itself');
    }
    this.idle();
  }

  /** §6.5. */
  #onSettings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & Flag.ack) !== 0) {
      if (end > start) throw new ConnectionError(ErrorCode.frameSizeError, 'acknowledgement with settings');
      this.#settingsAcknowledged = true;
      this.idle();
      return;
    }
    if (!this.#settingsFrames.spend()) throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many SETTINGS');
    const { initialWindow, smallerTable } = readSettings(bytes, start, end);
    if (smallerTable) this.#sender.lowerTableSize();
    this.#sender.settingsAck();
    if (initialWindow !== null) this.#streams.useInitialWindow(initialWindow);
  }

  /** §6.7. */
  #onPing(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'PING on a stream');
    if (end - start !== PING_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'bad PING');
    this.idle();
    if ((flags & Flag.ack) !== 0) this.#lifetime.pong(bytes, start, end);
    else this.#sender.pong(bytes, start, end);
  }

  /** §6.8: it names streams that we have opened, and a server opens none. */
  #onGoaway(streamId: number, length: number): void {
    if (streamId !== 0) throw new ConnectionError(ErrorCode.protocolError, 'GOAWAY on a stream');
    if (length < GOAWAY_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'bad GOAWAY');
    this.idle();
  }

  /** §6.9. */
  #onWindowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== WINDOW_UPDATE_BYTES) throw new ConnectionError(ErrorCode.frameSizeError, 'bad WINDOW_UPDATE');
    const increment = readUint32(bytes, start) & LARGEST_WINDOW;
    this.idle();
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError(ErrorCode.protocolError, 'WINDOW_UPDATE of nothing');
      if (!this.#sender.grow(increment))
        throw new ConnectionError(ErrorCode.flowControlError, 'window above its bound');
      return;
    }
    this.#streams.windowUpdate(streamId, increment);
  }

  idle(): void {
    if (!this.idleFrames.spend())
      throw new ConnectionError(ErrorCode.enhanceYourCalm, 'too many frames without a call');
  }
}

function asConnectionError(error: unknown): Pick<ConnectionError, 'code' | 'fault'> {
  if (error instanceof ConnectionError) return error;
  return new ConnectionError(error instanceof HpackError ? ErrorCode.compressionError : ErrorCode.internalError, '');
}
