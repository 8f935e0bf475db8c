/**
 * A socket as `node:http2` sees it, with a way to say something to the peer beside it.
 *
 * node:http2 cannot announce a shutdown (nghttp2's `submit_shutdown_notice` is not exposed), and once it has sent a
 * GOAWAY of its own, it drops the calls that the peer sent before reading it. So the announcement is written here,
 * between two writes of node:http2, each of which is whole frames.
 */
import { Duplex } from 'node:stream';
import type { Socket } from 'node:net';

/** A peer that was told goodbye has this long to close its side. */
const LINGER_MS = 1_000;

export class SocketRelay extends Duplex {
  readonly #socket: Socket;

  constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    // Which error it was does not matter: the connection is gone, and its calls with it.
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  /** What the peer has not taken. */
  get unsentBytes(): number {
    return this.writableLength + this.#socket.writableLength;
  }

  /** Writes whole HTTP/2 frames past node:http2. */
  interject(frames: Uint8Array): void {
    if (!this.destroyed && this.#socket.writable) this.#socket.write(frames);
  }

  /** What node:http2 says after its own end (see {@link _final}) is dropped, as a closed socket would drop it. */
  override write(chunk: unknown, ...rest: unknown[]): boolean {
    if (!this.writableEnded && !this.destroyed) return super.write(chunk, ...(rest as []));
    const done = rest[rest.length - 1];
    if (typeof done === 'function') process.nextTick(done);
    return true;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  /** All frames of one turn leave in one system call. */
  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.cork();
    const last = chunks.length - 1;
    chunks.forEach(({ chunk }, i) => this.#socket.write(chunk, i === last ? done : undefined));
    this.#socket.uncork();
  }

  /**
   * Ends at once, not when the socket has: node:http2 may still answer a frame of the peer then, and between the
   * beginning and the end of a shutdown its stream adapter takes that for a broken invariant and ends the process.
   */
  override _final(done: (error?: Error | null) => void): void {
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref();
    this.#socket.end();
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
