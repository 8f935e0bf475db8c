/** The transport on @grpc/grpc-js and node:http2. */
import type { Socket } from 'node:net';
import { Counters } from '../counts.ts';
import { CERTIFICATE_POLL_MS, MAX_CONNECTIONS } from '../limits.ts';
import { listen } from '../listen.ts';
import { openServer } from '../server.ts';
import type { Peer } from '../socket-server.ts';
import type {
  Listener,
  ListenOptions,
  Methods,
  ServeOptions,
  Transport,
  TransportLog,
  TransportServer,
} from '../transport.ts';
import { Connection } from './connection.ts';
import { Dispatcher, assertTakesStreams } from './dispatcher.ts';
import { redirectGrpcLog } from './grpc-log.ts';
import { loadReflection, NO_REFLECTION } from './reflection.ts';

export interface GrpcJsTransportOptions {
  /** Default {@link CERTIFICATE_POLL_MS}. */
  readonly certificatePollMs?: number;
  /** A number from 0 to 1, drawn once for each connection; for tests. Default `Math.random`. */
  readonly random?: () => number;
  /** Default {@link MAX_CONNECTIONS}. */
  readonly maxConnections?: number;
}

export class GrpcJsTransport implements Transport {
  readonly #log: TransportLog;
  readonly #options: Required<GrpcJsTransportOptions>;

  constructor(log: TransportLog, options: GrpcJsTransportOptions = {}) {
    assertTakesStreams();
    redirectGrpcLog(log);
    this.#log = log;
    this.#options = {
      certificatePollMs: CERTIFICATE_POLL_MS,
      random: Math.random,
      maxConnections: MAX_CONNECTIONS,
      ...options,
    };
  }

  async serve(options: ServeOptions, methods: Methods): Promise<TransportServer> {
    const log = this.#log;
    const { certificatePollMs, random, maxConnections } = this.#options;
    const { tls, maxMessageBytes, maxConcurrentStreams } = options;
    const maxAgeMs = options.maxConnectionAgeSeconds * 1000;
    const counters = new Counters();
    const reflection = options.reflection ? await loadReflection() : NO_REFLECTION;
    const connect = (socket: Socket, peer: Peer): Connection => {
      const dispatcher = new Dispatcher({ methods, reflection, maxMessageBytes, counters, log }, peer);
      return new Connection(socket, dispatcher, { maxConcurrentStreams, maxAgeMs, random, counters });
    };
    const heldBytes = (connections: ReadonlySet<Connection>): number =>
      [...connections].reduce((sum, { unsentBytes }) => sum + unsentBytes, 0);
    return openServer({ tls, certificatePollMs, maxConnections, counters, log, connect, heldBytes });
  }

  async listen(options: ListenOptions, methods: Methods): Promise<Listener> {
    return listen(await this.serve(options, methods), options, this.#log);
  }
}
