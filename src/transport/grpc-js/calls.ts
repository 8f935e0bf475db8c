/** Our handlers, which take and give bytes, as grpc-js calls them. */
import type { Metadata, Server, sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Peer } from '../socket-server.ts';
import { HANDLER_FAILED, MALFORMED_MESSAGE } from '../status.ts';
import type { CallStatus } from '../status.ts';
import { TRACE_HEADERS } from '../transport.ts';
import type { CallContext, StreamHandler, TransportLog, UnaryAnswer, UnaryHandler } from '../transport.ts';

/** Ends a server-streaming call from outside of its handler. */
export type EndStream = (status: CallStatus) => void;

export interface CallSetup {
  readonly peer: Peer;
  /** Server-streaming calls put themselves in while they are open. */
  readonly openStreams: Set<EndStream>;
  readonly log: TransportLog;
}

type UnaryCall = ServerUnaryCall<Buffer, Uint8Array>;
type StreamCall = ServerWritableStream<Buffer, Uint8Array>;

/** Messages pass as they are: grpc-js only frames them. */
const asIs = (message: Buffer): Buffer => message;
/** grpc-js copies the message with a method that only Buffer has. */
const asBuffer = (message: Uint8Array): Buffer =>
  Buffer.isBuffer(message) ? message : Buffer.from(message.buffer, message.byteOffset, message.byteLength);

export function registerUnary(server: Server, path: string, handler: UnaryHandler, setup: CallSetup): void {
  const answerCall = (call: UnaryCall, reply: sendUnaryData<Uint8Array>): void => {
    const send = (answer: UnaryAnswer): void => {
      if (answer instanceof Uint8Array) reply(null, answer);
      else reply(asGrpcStatus(answer ?? MALFORMED_MESSAGE));
    };
    const fail = (error: unknown): void => {
      reportFailure(path, error, setup.log);
      send(HANDLER_FAILED);
    };
    let answer: UnaryAnswer | Promise<UnaryAnswer>;
    try {
      answer = handler(call.request, contextOf(call, setup.peer));
    } catch (error) {
      fail(error);
      return;
    }
    if (answer !== null && 'then' in answer) answer.then(send, fail);
    else send(answer);
  };
  server.register(path, answerCall, asBuffer, asIs, 'unary');
}

export function registerServerStream(server: Server, path: string, handler: StreamHandler, setup: CallSetup): void {
  const { openStreams } = setup;
  const answerCall = (call: StreamCall): void => {
    const ended = new AbortController();
    const leave = (): void => {
      openStreams.delete(end);
      ended.abort();
    };
    const end: EndStream = (status) => {
      if (ended.signal.aborted) return;
      leave();
      // grpc-js's way to end a stream with a status; nothing is thrown.
      call.emit('error', asGrpcStatus(status));
    };
    openStreams.add(end);
    // Also after an ordinary end.
    call.once('cancelled', leave);
    const send = (message: Uint8Array): void => {
      if (!ended.signal.aborted) call.write(message);
    };
    try {
      const status = handler(call.request, contextOf(call, setup.peer), send, ended.signal);
      if (status !== undefined) end(status ?? MALFORMED_MESSAGE);
    } catch (error) {
      reportFailure(path, error, setup.log);
      end(HANDLER_FAILED);
    }
  };
  server.register(path, answerCall, asBuffer, asIs, 'serverStream');
}

function contextOf(call: UnaryCall | StreamCall, peer: Peer): CallContext {
  return {
    deadlineMs: Number(call.getDeadline()),
    peerCertificate: peer.certificate,
    peerAllowed: peer.allowed,
    trace: traceOf(call.metadata),
  };
}

function traceOf(metadata: Metadata): CallContext['trace'] {
  let trace: Map<string, string> | null = null;
  for (const name of TRACE_HEADERS) {
    const values = metadata.get(name);
    if (values.length > 0) (trace ??= new Map()).set(name, values.length === 1 ? String(values[0]) : '');
  }
  return trace;
}

function asGrpcStatus(status: CallStatus): { code: number; details: string } {
  return { code: status.code, details: status.message };
}

/** The cause stays here: what the peer gets to read is the same for every failure. */
function reportFailure(path: string, error: unknown, log: TransportLog): void {
  log('error', 'handler failed', {
    method: path,
    error: error instanceof Error ? (error.stack ?? error.message) : error,
  });
}
