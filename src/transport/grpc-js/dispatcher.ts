/**
 * From an HTTP/2 stream to the handler of its method. There is one for each connection, so that a handler knows the
 * peer without a look-up for each call.
 */
import { constants } from 'node:http2';
import type { IncomingHttpHeaders, OutgoingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { Server } from '@grpc/grpc-js';
import type { Counters } from '../counts.ts';
import type { Peer } from '../socket-server.ts';
import { PEER_NOT_ALLOWED, SHUTTING_DOWN, UNKNOWN_METHOD } from '../status.ts';
import type { CallStatus } from '../status.ts';
import type { Methods, TransportLog } from '../transport.ts';
import { registerServerStream, registerUnary } from './calls.ts';
import type { CallSetup, EndStream } from './calls.ts';
import type { Reflection } from './reflection.ts';
import { dropEndlessTimeout } from './timeout-header.ts';

/**
 * grpc-js can only listen by itself, with an HTTP/2 server that it keeps to itself: no bound on headers, no guard
 * number for resets, and a shutdown that loses calls (goaway-notice.ts). So it is given streams by the one method that
 * takes them. The method is not part of its public interface; package.json pins the version, and
 * {@link assertTakesStreams} checks it.
 */
interface TakesStreams {
  _streamHandler(interceptors: readonly [], stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void;
}

export function assertTakesStreams(): void {
  const prototype = Server.prototype as unknown as Partial<TakesStreams>;
  if (prototype._streamHandler?.length !== 3) throw new Error('this version of @grpc/grpc-js is not the one expected');
}

export interface DispatcherOptions {
  readonly methods: Methods;
  readonly reflection: Reflection;
  readonly maxMessageBytes: number;
  readonly counters: Counters;
  readonly log: TransportLog;
}

export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #peer: Peer;
  readonly #server: TakesStreams;
  readonly #openStreams = new Set<EndStream>();

  constructor(options: DispatcherOptions, peer: Peer) {
    const { methods, reflection, log, maxMessageBytes } = options;
    const server = new Server({ 'grpc.enable_channelz': 0, 'grpc.max_receive_message_length': maxMessageBytes });
    const setup: CallSetup = { peer, openStreams: this.#openStreams, log };
    for (const [path, handler] of methods.unary) registerUnary(server, path, handler, setup);
    for (const [path, handler] of methods.serverStream) registerServerStream(server, path, handler, setup);
    reflection.addTo(server);
    this.#options = options;
    this.#peer = peer;
    this.#server = server as unknown as TakesStreams;
  }

  /** True while calls are open that end only when somebody ends them. */
  get hasOpenStreams(): boolean {
    return this.#openStreams.size > 0;
  }

  take(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const path = headers[':path'] ?? '';
    const refusal = this.#refusal(path);
    countCall(stream, this.#options.counters);
    if (headers[':method'] !== 'POST') {
      // "Request-Headers → Call-Definition: Method → `:method POST`" (PROTOCOL-HTTP2.md).
      respond(stream, { ':status': constants.HTTP_STATUS_METHOD_NOT_ALLOWED });
    } else if (refusal !== null) {
      respond(stream, grpcHeaders(refusal));
    } else {
      dropEndlessTimeout(headers);
      if (this.#options.reflection.paths.has(path)) this.#endWithConnection(stream);
      this.#server._streamHandler([], stream, headers);
    }
  }

  /** Ends the calls that do not end by themselves. */
  endStreams(): void {
    for (const end of this.#openStreams) end(SHUTTING_DOWN);
  }

  #refusal(path: string): CallStatus | null {
    const { methods, reflection } = this.#options;
    if (!this.#peer.allowed && !methods.answersAnyPeer.has(path)) return PEER_NOT_ALLOWED;
    const known = methods.unary.has(path) || methods.serverStream.has(path) || reflection.paths.has(path);
    return known ? null : UNKNOWN_METHOD;
  }

  /** Reflection's streams are not our handlers' and can only be cut. */
  #endWithConnection(stream: ServerHttp2Stream): void {
    const end = (): void => stream.close(constants.NGHTTP2_CANCEL);
    this.#openStreams.add(end);
    stream.once('close', () => this.#openStreams.delete(end));
  }
}

/** node:http2 knows of a stream that has closed what was sent on it, whoever sent it. */
function countCall(stream: ServerHttp2Stream, counters: Counters): void {
  const { session } = stream;
  counters.callsStarted++;
  stream.once('close', () => {
    const sent = (stream.sentTrailers ?? stream.sentHeaders) as OutgoingHttpHeaders | undefined;
    if (!stream.aborted) counters.answered(Number(sent?.['grpc-status'] ?? NaN));
    else if (session?.destroyed === false) counters.callsCancelled++;
    else counters.callsLost++;
  });
}

/** A whole answer in one header block ("Trailers-Only"). Nothing of the request is in it. */
function grpcHeaders(status: CallStatus): Record<string, string | number> {
  return {
    ':status': constants.HTTP_STATUS_OK,
    'content-type': 'application/grpc+proto',
    'grpc-status': status.code,
    'grpc-message': status.message,
  };
}

function respond(stream: ServerHttp2Stream, headers: Record<string, string | number>): void {
  // A peer that resets the stream meanwhile is no failure of ours.
  stream.on('error', () => undefined);
  stream.respond(headers, { endStream: true });
  // What it still sends is read and dropped, or the connection's window would fill.
  stream.resume();
}
