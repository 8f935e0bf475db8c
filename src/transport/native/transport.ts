/** The transport on node:net and node:tls alone: HTTP/2 as far as a server for gRPC needs it. */
import type { Socket } from 'node:net';
import { Counters } from '../counts.ts';
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
import { maxConnections, maxHeldBytes, UNFINISHED_SHARE } from './bounds.ts';
import { Connection } from './connection.ts';
import { MemoryBudget } from './memory-budget.ts';

export interface NativeTransportOptions {
  /** Default {@link CERTIFICATE_POLL_MS}. */
  readonly certificatePollMs?: number;
  /** A number from 0 to 1, drawn once for each connection; for tests. Default `Math.random`. */
  readonly random?: () => number;
  /** Processes that share the machine, each with a transport of its own. Default 1. */
  readonly processes?: number;
  /** Default {@link maxConnections}, shared. */
  readonly maxConnections?: number;
  /** For all connections together. Default {@link maxHeldBytes}, shared. */
  readonly maxHeldBytes?: number;
}

export class NativeTransport implements Transport {
  readonly #log: TransportLog;
  readonly #options: Required<NativeTransportOptions>;

  constructor(log: TransportLog, options: NativeTransportOptions = {}) {
    this.#log = log;
    const { processes = 1 } = options;
    this.#options = {
      processes,
      certificatePollMs: CERTIFICATE_POLL_MS,
      random: Math.random,
      maxConnections: Math.ceil(maxConnections() / processes),
      maxHeldBytes: maxHeldBytes() / processes,
      ...options,
    };
  }

  serve(options: ServeOptions, methods: Methods): Promise<TransportServer> {
    const log = this.#log;
    const { certificatePollMs, random, maxConnections, maxHeldBytes } = this.#options;
    const { tls, maxMessageBytes, maxConcurrentStreams } = options;
    const counters = new Counters();
    const budget = new MemoryBudget(maxHeldBytes);
    const maxUnfinishedBytes = UNFINISHED_SHARE * maxHeldBytes;
    const maxAgeMs = options.maxConnectionAgeSeconds * 1000;
    const settings = {
      methods,
      maxMessageBytes,
      maxUnfinishedBytes,
      maxConcurrentStreams,
      maxAgeMs,
      random,
      budget,
      counters,
      log,
    };
    const connect = (socket: Socket, peer: Peer): Connection => new Connection(socket, peer, settings);
    const heldBytes = (): number => budget.heldBytes;
    return openServer({ tls, certificatePollMs, maxConnections, counters, log, connect, heldBytes });
  }

  async listen(options: ListenOptions, methods: Methods): Promise<Listener> {
    return listen(await this.serve(options, methods), options, this.#log);
  }
}
