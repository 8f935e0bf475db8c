/** The transport on @grpc/grpc-js and node:http2. */
import { LEAVE_NOTICE_TIMEOUT_MS, CERTIFICATE_POLL_MS } from '../limits.ts';
import { drain } from '../drain.ts';
import { openSocketServer } from '../socket-server.ts';
import type { Listener, ListenOptions, Methods, Transport, TransportLog } from '../transport.ts';
import { Connection } from './connection.ts';
import { Dispatcher, assertTakesStreams } from './dispatcher.ts';
import { redirectGrpcLog } from './grpc-log.ts';
import { loadReflection, NO_REFLECTION } from './reflection.ts';

export interface GrpcJsTransportOptions {
  /** Default {@link CERTIFICATE_POLL_MS}. */
  readonly certificatePollMs?: number;
  /** A number from 0 to 1, drawn once for each connection; for tests. Default `Math.random`. */
  readonly random?: () => number;
}

export class GrpcJsTransport implements Transport {
  readonly #log: TransportLog;
  readonly #options: Required<GrpcJsTransportOptions>;

  constructor(log: TransportLog, options: GrpcJsTransportOptions = {}) {
    assertTakesStreams();
    redirectGrpcLog(log);
    this.#log = log;
    this.#options = { certificatePollMs: CERTIFICATE_POLL_MS, random: Math.random, ...options };
  }

  async listen(options: ListenOptions, methods: Methods): Promise<Listener> {
    const log = this.#log;
    const { certificatePollMs, random } = this.#options;
    const { maxMessageBytes, maxConcurrentStreams } = options;
    const maxAgeMs = options.maxConnectionAgeSeconds * 1000;
    const reflection = options.reflection ? await loadReflection() : NO_REFLECTION;
    const connections = new Set<Connection>();
    let draining: Promise<void> | null = null;
    let noticeTimeoutMs = LEAVE_NOTICE_TIMEOUT_MS;

    const server = await openSocketServer({
      listen: options,
      certificatePollMs,
      log,
      accept: (socket, peer) => {
        const dispatcher = new Dispatcher({ methods, reflection, maxMessageBytes, log }, peer);
        const connection = new Connection(socket, dispatcher, { maxConcurrentStreams, maxAgeMs, random });
        connections.add(connection);
        socket.once('close', () => connections.delete(connection));
        // It was in its handshake when the drain began.
        if (draining !== null) connection.leave(noticeTimeoutMs);
      },
    });

    return {
      address: server.address,
      drain: (timeoutMs) => {
        // A peer that does not react must not use up the time of the calls in flight.
        noticeTimeoutMs = Math.min(LEAVE_NOTICE_TIMEOUT_MS, timeoutMs / 2);
        return (draining ??= drain(server, connections, noticeTimeoutMs, timeoutMs));
      },
    };
  }
}
