import { envoyFields } from '../../../load-tests/generator/call-headers.ts';
import { runLoad } from '../../../load-tests/generator/load.ts';
import type { LoadOptions } from '../../../load-tests/generator/load.ts';
import type { Figures } from '../../../load-tests/generator/figures.ts';
import type { Request } from '../../../load-tests/generator/request-file.ts';
import { GrpcJsTransport } from '../../../src/transport/grpc-js/transport.ts';
import { NativeTransport } from '../../../src/transport/native/transport.ts';
import type { UnaryHandler } from '../../../src/transport/transport.ts';
import { checkRequest } from '../../extauthz/support/engine.ts';
import type { Cleanup } from '../../transport/support/cleanup.ts';
import { openListener } from '../../transport/support/listening.ts';
import type { Setup, TransportUnderTest } from '../../transport/support/listening.ts';

const CHECK = '/envoy.service.auth.v3.Authorization/Check';

export const TRANSPORTS: readonly TransportUnderTest[] = [
  { name: 'native', create: (log, options) => new NativeTransport(log, options) },
  { name: 'grpc-js', create: (log) => new GrpcJsTransport(log) },
];

/** CheckResponse: `status` (1) with `code` (1). */
export const ALLOW = Buffer.from([0x0a, 0x00]);
export const DENY = Buffer.from([0x0a, 0x02, 0x08, 0x07]);

/** What a server must do about it is in its path. */
export function request(allowed: boolean, headers: Readonly<Record<string, string>> = {}): Request {
  return { bytes: checkRequest({ path: allowed ? '/let-in' : '/keep-out', headers }), allowed };
}

export function asksForAllowed(message: Uint8Array): boolean {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength).includes('/let-in');
}

export const byPath: UnaryHandler = (message) => (asksForAllowed(message) ? ALLOW : DENY);

/** Without Envoy's time limit: what is slow here is the machine. */
const FIELDS = envoyFields().filter(([name]) => name !== 'grpc-timeout');

/** A closed loop of a few hundred calls, unless it says otherwise. */
export function load(address: string, options: Partial<LoadOptions> = {}): Promise<Figures> {
  return runLoad({
    address,
    requests: [request(true), request(false)],
    connections: 2,
    inFlight: 8,
    perSecond: null,
    warmupMs: 0,
    durationMs: 0,
    leastCalls: 200,
    fields: FIELDS,
    ...options,
  });
}

/** Returns the address. */
export async function serve(
  cleanup: Cleanup,
  transport: TransportUnderTest,
  handler: UnaryHandler,
  setup: Setup = {},
): Promise<string> {
  const opened = await openListener(transport, { ...setup, unary: { [CHECK]: handler } });
  cleanup.listener(opened);
  return opened.listener.address;
}
