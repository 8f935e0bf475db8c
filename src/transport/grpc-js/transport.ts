/** The transport on @grpc/grpc-js and node:http2. */
import type { Socket } from 'node:net';
import { CERTIFICATE_POLL_MS } from '../limits.ts';
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

  async serve(options: ServeOptions, methods: Methods): Promise<TransportServer> {
    const log = this.#log;
    const { certificatePollMs, random } = this.#options;
    const { tls, maxMessageBytes, maxConcurrentStreams } = options;
    const maxAgeMs = options.maxConnectionAgeSeconds * 1000;
    const reflection = options.reflection ? await loadReflection() : NO_REFLECTION;
    const connect = (socket: Socket, peer: Peer): Connection => {
      const dispatcher = new Dispatcher({ methods, reflection, maxMessageBytes, log }, peer);
      return new Connection(socket, dispatcher, { maxConcurrentStreams, maxAgeMs, random });
    };
    return openServer({ tls, certificatePollMs, log, connect });
  }

  async listen(options: ListenOptions, methods: Methods): Promise<Listener> {
    return listen(await this.serve(options, methods), options, this.#log);
  }
}
