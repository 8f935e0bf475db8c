/** One connection to one origin: address checked, through a proxy when there is one, TLS when the URL says so. */
import { request } from 'node:http';
import type { AgentOptions } from 'node:http';
import { connect, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { SecureContext } from 'node:tls';
import { guardedLookup, refusalOf } from './address-guard.ts';
import type { AddressRules, Resolve } from './address-guard.ts';
import { FetchError, codeOf } from './fetch-error.ts';

/** The answer to CONNECT is a line and some headers. */
const MAX_PROXY_HEADER_BYTES = 8 * 1024;

export interface Destination {
  /** As in the URL, without brackets. */
  readonly host: string;
  readonly port: number;
  /** null: no TLS. */
  readonly secureContext: SecureContext | null;
  readonly proxy: { readonly host: string; readonly port: number } | null;
  readonly rules: AddressRules;
  readonly resolve: Resolve;
}

/** Idle connections and how many there are: of the agent that asks for connections. */
export const AGENT_OPTIONS: AgentOptions = Object.freeze({
  keepAlive: true,
  // More wait for one of these; an introspection takes milliseconds.
  maxSockets: 16,
  maxFreeSockets: 4,
  // Idle; sooner when the server says so (`keep-alive: timeout`).
  timeout: 30_000,
});

/** Ready to carry requests. Rejects with a {@link FetchError}, after `signal` too. */
export async function openConnection(to: Destination, signal: AbortSignal): Promise<Socket> {
  // A host that is an address is never looked up, and is checked whoever dials it.
  if (isIP(to.host) !== 0) refuse(to.host, to.rules);
  const socket = to.proxy === null ? await dial(to.host, to.port, to, signal) : await tunnel(to.proxy, to, signal);
  return to.secureContext === null ? socket : secure(socket, to, to.secureContext, signal);
}

function refuse(address: string, rules: AddressRules): void {
  const refusal = refusalOf(address, rules);
  if (refusal !== null) throw new FetchError('address', `the host's address ${refusal}`);
}

/** Resolves with the socket once `event` came; the first error, end or abort before it closes the socket. */
function once(socket: Socket, event: string, what: string, signal: AbortSignal, check?: () => void): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      settle();
      // Whatever it says from now on, nobody listens, and an unheard error ends the process.
      socket.on('error', () => undefined);
      socket.destroy();
      reject(error instanceof FetchError ? error : new FetchError('connection', `${what}: ${codeOf(error)}`));
    };
    const done = (): void => {
      try {
        check?.();
      } catch (error) {
        fail(error);
        return;
      }
      settle();
      resolve(socket);
    };
    const close = (): void => fail(new FetchError('connection', `${what}: closed`));
    const abort = (): void => fail(new FetchError('aborted', `${what}: given up`));
    const settle = (): void => {
      socket.off(event, done).off('error', fail).off('close', close);
      signal.removeEventListener('abort', abort);
    };
    socket.on(event, done).on('error', fail).on('close', close);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  });
}

function dial(host: string, port: number, { rules, resolve }: Destination, signal: AbortSignal): Promise<Socket> {
  if (isIP(host) !== 0) refuse(host, rules);
  const socket = connect({ host, port, lookup: guardedLookup(resolve, rules) });
  // The lookup said which addresses are good; what counts is the one that answered, before a byte is sent.
  return once(socket, 'connect', 'connection', signal, () => refuse(socket.remoteAddress ?? '', rules));
}

function secure(socket: Socket, { host }: Destination, context: SecureContext, signal: AbortSignal): Promise<Socket> {
  const tls = connectTls({
    socket,
    host,
    // Server names are names (RFC 6066 §3); an address is still what the certificate has to be for.
    ...(isIP(host) === 0 ? { servername: host } : {}),
    secureContext: context,
    minVersion: 'TLSv1.2',
    ALPNProtocols: ['http/1.1'],
    // Said, so that NODE_TLS_REJECT_UNAUTHORIZED cannot say otherwise.
    rejectUnauthorized: true,
  });
  return once(tls, 'secureConnect', 'TLS', signal);
}

/** CONNECT (RFC 9110 §9.3.6). */
async function tunnel(
  proxy: { readonly host: string; readonly port: number },
  to: Destination,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = await dial(proxy.host, proxy.port, to, signal);
  const authority = `${isIP(to.host) === 6 ? `[${to.host}]` : to.host}:${to.port}`;
  return new Promise((resolve, reject) => {
    const fail = (message: string): void => {
      socket.destroy();
      reject(new FetchError('proxy', message));
    };
    request({
      createConnection: () => socket,
      method: 'CONNECT',
      path: authority,
      headers: { host: authority },
      maxHeaderSize: MAX_PROXY_HEADER_BYTES,
      signal,
    })
      .on('error', (error) => fail(`proxy: ${codeOf(error)}`))
      .on('response', (response) => fail(`the proxy answered ${response.statusCode ?? 0}`))
      .on('connect', (response, connected, head) => {
        if (response.statusCode !== 200) fail(`the proxy answered ${response.statusCode ?? 0}`);
        // A server says nothing before it is asked: these bytes are the proxy's.
        else if (head.length > 0) fail('the proxy sent more than its answer');
        else resolve(connected);
      })
      .end();
  });
}
