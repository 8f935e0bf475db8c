import type {
  Listener,
  ListenOptions,
  Methods,
  Transport,
  TransportLog,
  TransportServer,
  UnaryHandler,
} from '../../../src/transport/transport.ts';
import { Health } from '../../../src/transport/health.ts';

/** What the suite needs of an implementation: every one of them is made alike. */
export interface TransportUnderTest {
  readonly name: string;
  create(
    log: TransportLog,
    options: { certificatePollMs?: number; random?: () => number; maxConnections?: number },
  ): Transport;
}

export interface LogEntry {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Keeps what is logged. */
export function recordingLog(): { readonly entries: LogEntry[]; readonly log: TransportLog } {
  const entries: LogEntry[] = [];
  return { entries, log: (level, message, fields) => entries.push({ level, message, fields }) };
}

export const ECHO = '/test.Bytes/Echo';
/** Looks at the peer itself, as the Check handler does: answers `allowed` or `denied`. */
export const GUARD = '/test.Bytes/Guard';

const echo: UnaryHandler = (message) => message;
const guard: UnaryHandler = (_message, context) => Buffer.from(context.peerAllowed ? 'allowed' : 'denied');

export interface Setup extends Partial<ListenOptions> {
  readonly unary?: Readonly<Record<string, UnaryHandler>>;
  readonly serverStream?: Methods['serverStream'];
  readonly health?: Health;
  readonly certificatePollMs?: number;
  readonly random?: () => number;
  readonly maxConnections?: number;
}

export interface TestListener {
  readonly listener: Listener;
  readonly health: Health;
  readonly entries: LogEntry[];
}

/** A listener with {@link ECHO}, {@link GUARD} and health, on a free loopback port unless the setup says otherwise. */
export async function openListener(transport: TransportUnderTest, setup: Setup = {}): Promise<TestListener> {
  const { made, options, methods, ...rest } = prepare(transport, setup);
  return { listener: await made.listen(options, methods), ...rest };
}

/** The same without an address of its own: it serves what it is given. */
export async function openTestServer(
  transport: TransportUnderTest,
  setup: Setup = {},
): Promise<Omit<TestListener, 'listener'> & { readonly server: TransportServer }> {
  const { made, options, methods, ...rest } = prepare(transport, setup);
  return { server: await made.serve(options, methods), ...rest };
}

function prepare(transport: TransportUnderTest, setup: Setup) {
  const {
    unary = {},
    serverStream = [],
    health = new Health(['test.Bytes']),
    certificatePollMs,
    random,
    maxConnections,
    ...options
  } = setup;
  const { entries, log } = recordingLog();
  const made = transport.create(log, {
    ...(certificatePollMs !== undefined && { certificatePollMs }),
    ...(random && { random }),
    ...(maxConnections !== undefined && { maxConnections }),
  });
  const methods: Methods = {
    unary: new Map([[ECHO, echo], [GUARD, guard], ...health.methods.unary, ...Object.entries(unary)]),
    serverStream: new Map([...health.methods.serverStream, ...serverStream]),
    answersAnyPeer: new Set([GUARD]),
  };
  return {
    made,
    methods,
    health,
    entries,
    options: {
      address: '127.0.0.1:0',
      tls: null,
      maxMessageBytes: 64 * 1024 * 1024,
      maxConcurrentStreams: 10_000,
      maxConnectionAgeSeconds: 0,
      reflection: false,
      ...options,
    },
  };
}
