/** The transport on node:net and node:tls alone: HTTP/2 as far as a server for gRPC needs it. */
import { CERTIFICATE_POLL_MS, LEAVE_NOTICE_TIMEOUT_MS } from '../limits.ts';
import { drain } from '../drain.ts';
import { openSocketServer } from '../socket-server.ts';
import type { Listener, ListenOptions, Methods, Transport, TransportLog } from '../transport.ts';
import { MAX_CONNECTIONS, MAX_HELD_BYTES } from './bounds.ts';
import { Connection } from './connection.ts';
import { MemoryBudget } from './memory-budget.ts';

export interface NativeTransportOptions {
  /** Default {@link CERTIFICATE_POLL_MS}. */
  readonly certificatePollMs?: number;
  /** A number from 0 to 1, drawn once for each connection; for tests. Default `Math.random`. */
  readonly random?: () => number;
}

export class NativeTransport implements Transport {
  readonly #log: TransportLog;
  readonly #options: Required<NativeTransportOptions>;

  constructor(log: TransportLog, options: NativeTransportOptions = {}) {
    this.#log = log;
    this.#options = { certificatePollMs: CERTIFICATE_POLL_MS, random: Math.random, ...options };
  }

  async listen(options: ListenOptions, methods: Methods): Promise<Listener> {
    const log = this.#log;
    const { certificatePollMs, random } = this.#options;
    const { maxMessageBytes, maxConcurrentStreams } = options;
    if (options.reflection) log('info', 'this transport has no reflection; `transport: grpc-js` has it', {});
    const budget = new MemoryBudget(MAX_HELD_BYTES);
    const maxAgeMs = options.maxConnectionAgeSeconds * 1000;
    const settings = { methods, maxMessageBytes, maxConcurrentStreams, maxAgeMs, random, budget, log };
    const connections = new Set<Connection>();
    let draining: Promise<void> | null = null;
    let noticeTimeoutMs = LEAVE_NOTICE_TIMEOUT_MS;

    const server = await openSocketServer({
      listen: options,
      certificatePollMs,
      log,
      accept: (socket, peer) => {
        if (connections.size >= MAX_CONNECTIONS) {
          socket.destroy();
          return;
        }
        const connection = new Connection(socket, peer, settings);
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
