import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { FieldList } from './field-list.ts';
import { HpackDecoder } from '../../../../src/transport/native/hpack/decoder.ts';
import { waitUntil } from '../../../e2e/support/wait.ts';
import { ACK, DATA, frame, GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS } from './frames.ts';
import type { Frame } from './frames.ts';

const FRAME_HEADER_BYTES = 9;

/** Of what a hostile peer gets back, no more than this is kept. */
const MAX_KEPT_FRAMES = 20_000;

/** A client on which every byte is ours, and which obeys nothing. */
export class RawClient {
  readonly socket: Socket;
  /** What the server sent, in order. */
  readonly frames: Frame[] = [];
  readonly #decoder = new HpackDecoder();
  #rest: Buffer = Buffer.alloc(0);
  closed = false;
  /** Whether it acknowledges the SETTINGS of the server, as every honest client does. */
  acknowledges = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.closed = true));
  }

  static connect(address: string): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
    const client = new RawClient(socket);
    return new Promise((resolve, reject) => {
      socket.once('connect', () => resolve(client));
      socket.once('error', reject);
    });
  }

  /** Connects and says what every client says first. */
  static async open(address: string, settings: Uint8Array = Buffer.alloc(0)): Promise<RawClient> {
    const client = await RawClient.connect(address);
    client.acknowledges = true;
    client.send(PREFACE, frame(SETTINGS, 0, 0, settings));
    return client;
  }

  /** Returns false when the socket would rather have no more. */
  send(...parts: readonly Uint8Array[]): boolean {
    return this.closed || !this.socket.writable ? false : this.socket.write(Buffer.concat(parts));
  }

  /** Sends for as long as the server takes it, at most `times` times; waits where the socket does. */
  async flood(part: (i: number) => Uint8Array, times: number, batch = 200): Promise<void> {
    for (let i = 0; i < times && !this.closed && this.goaway() === null; i += batch) {
      const parts = Array.from({ length: Math.min(batch, times - i) }, (_, k) => part(i + k));
      if (!this.send(...parts)) {
        await Promise.race([
          new Promise((resolve) => this.socket.once('drain', resolve)),
          new Promise((resolve) => this.socket.once('close', resolve)),
        ]);
      } else {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  of(type: number, streamId?: number): Frame[] {
    return this.frames.filter((one) => one.type === type && (streamId === undefined || one.streamId === streamId));
  }

  /** The error code of the last GOAWAY, or null. */
  goaway(): number | null {
    return this.of(GOAWAY).at(-1)?.payload.readUInt32BE(4) ?? null;
  }

  async goawayCode(): Promise<number> {
    await waitUntil('a GOAWAY', () => this.goaway() !== null || this.closed);
    return this.goaway() ?? -1;
  }

  async resetCode(streamId: number): Promise<number> {
    const [reset] = await waitUntil('a RST_STREAM', () => {
      const resets = this.of(RST_STREAM, streamId);
      return resets.length > 0 && resets;
    });
    return reset!.payload.readUInt32BE();
  }

  async waitClosed(): Promise<void> {
    await waitUntil('the end of the connection', () => this.closed);
  }

  /** All that the server has said to what was sent so far: its answer to a PING behind it. */
  async settle(): Promise<void> {
    const before = this.of(PING).length;
    this.send(frame(PING, 0, 0, Buffer.from('settle..')));
    await waitUntil('the answer to a PING', () => this.of(PING).length > before || this.closed);
  }

  /** Fields of the blocks of a stream, and its data. */
  answer(streamId: number): {
    readonly fields: Record<string, string>;
    readonly data: Buffer;
    readonly ended: boolean;
  } {
    const fields: Record<string, string> = {};
    for (const { payload } of this.of(HEADERS, streamId)) {
      const list = new FieldList();
      this.#decoder.decode(payload, 0, payload.length, list);
      for (const [name, value] of list.fields) fields[name] = value;
    }
    const data = Buffer.concat(this.of(DATA, streamId).map(({ payload }) => payload));
    return {
      fields,
      data,
      ended: this.frames.some((one) => one.streamId === streamId && one.type <= HEADERS && (one.flags & 1) !== 0),
    };
  }

  async grpcStatus(streamId: number): Promise<number> {
    await waitUntil('an answer', () => this.answer(streamId).ended || this.closed);
    return Number(this.answer(streamId).fields['grpc-status'] ?? NaN);
  }

  destroy(): void {
    this.socket.destroy();
  }

  #read(chunk: Buffer): void {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= FRAME_HEADER_BYTES) {
      const end = FRAME_HEADER_BYTES + bytes.readUIntBE(0, 3);
      if (bytes.length < end) break;
      if (bytes[3] === SETTINGS && (bytes[4]! & ACK) === 0 && this.acknowledges) this.send(frame(SETTINGS, ACK, 0));
      if (this.frames.length < MAX_KEPT_FRAMES || bytes[3] === GOAWAY) {
        this.frames.push({
          type: bytes[3]!,
          flags: bytes[4]!,
          streamId: bytes.readUInt32BE(5) & 0x7fffffff,
          payload: Buffer.from(bytes.subarray(FRAME_HEADER_BYTES, end)),
        });
      }
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
  }
}
