/**
 * HTTP requests to the few places outside that identity needs: key sets, discovery documents, introspection. Nothing
 * that those places answer makes it go elsewhere, wait longer or read more than the settings say.
 *
 * Written on `node:http` and not on `fetch`, which follows redirects by default, decompresses by itself and hides the
 * address that it dials.
 */
import { Agent, request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { createSecureContext } from 'node:tls';
import { LRUCache } from 'lru-cache';
import { SYSTEM_RESOLVE } from './address-guard.ts';
import type { Resolve } from './address-guard.ts';
import { AGENT_OPTIONS, openConnection } from './connection.ts';
import type { Destination } from './connection.ts';
import { FetchError, codeOf } from './fetch-error.ts';
import type { FetchSettings, SettingsFor } from './fetch-settings.ts';
import { readSecret, readSmallFile } from './small-file.ts';

/** Of a response: twice what most servers are willing to send. */
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_URL_LENGTH = 2048;
/** Origins with connections kept; policies name a few. */
const MAX_POOLS = 256;

export interface FetchRequest {
  readonly url: string;
  /** Names in lower case. `authorization` is not overridden by the settings' token. */
  readonly headers?: Readonly<Record<string, string>>;
  /** A form: the request is a POST of it. Absent: a GET. */
  readonly form?: URLSearchParams;
  /** Fewer bytes than the settings allow. */
  readonly maxBytes?: number;
  /** In place of the settings' time. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

/** The body of a 200; rejects with a {@link FetchError} for anything else. */
export type Fetch = (request: FetchRequest) => Promise<Buffer>;

interface Pool {
  readonly agent: Agent;
  readonly authorities: string | null;
}

export class GuardedFetch {
  readonly #settingsFor: SettingsFor;
  readonly #resolve: Resolve;
  readonly #pools = new LRUCache<string, Pool>({ max: MAX_POOLS, dispose: ({ agent }) => agent.destroy() });
  readonly #underWay = new Set<() => void>();
  #closed = false;

  constructor(settingsFor: SettingsFor, resolve: Resolve = SYSTEM_RESOLVE) {
    this.#settingsFor = settingsFor;
    this.#resolve = resolve;
  }

  readonly fetch: Fetch = async (request) => {
    const url = parseUrl(request.url);
    const settings = this.#settingsFor(url);
    if (url.protocol !== 'https:' && !(url.protocol === 'http:' && settings.allowHttp))
      throw new FetchError('url', 'the URL is not https');
    const work = new AbortController();
    const abort = (): void => work.abort(new FetchError('aborted', 'given up'));
    const timeoutMs = request.timeoutMs ?? settings.timeoutMs;
    const timer = setTimeout(
      () => work.abort(new FetchError('timeout', `no whole answer within ${timeoutMs} ms`)),
      timeoutMs,
    );
    timer.unref();
    this.#underWay.add(abort);
    request.signal?.addEventListener('abort', abort);
    if (this.#closed || request.signal?.aborted === true) abort();
    try {
      return await unlessAborted(this.#ask(url, settings, request, work.signal), work.signal);
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(abort);
      request.signal?.removeEventListener('abort', abort);
    }
  };

  /** Ends what is under way, and all connections. */
  close(): void {
    this.#closed = true;
    for (const abort of this.#underWay) abort();
    this.#pools.clear();
  }

  async #ask(url: URL, settings: FetchSettings, request: FetchRequest, signal: AbortSignal): Promise<Buffer> {
    const { caFile, bearerTokenFile } = settings;
    const [authorities, token] = await Promise.all([
      caFile === null ? null : readSmallFile(caFile, 'certificates of authorities'),
      bearerTokenFile === null || request.headers?.['authorization'] !== undefined
        ? null
        : readSecret(bearerTokenFile, 'bearer token'),
    ]);
    signal.throwIfAborted();
    const { agent } = this.#poolOf(url, settings, authorities);
    const exchange = {
      url,
      agent,
      form: request.form?.toString() ?? null,
      headers: { ...request.headers, ...(token === null ? {} : { authorization: `Bearer ${token}` }) },
      maxBytes: Math.min(settings.maxBytes, request.maxBytes ?? settings.maxBytes),
      signal,
    };
    try {
      return await send(exchange);
    } catch (error) {
      // A server may close an idle connection at the very moment that it is used again (RFC 9112 §9.3.1). What is asked
      // here changes nothing there, so it is asked again.
      if (error !== REUSED_CONNECTION_CLOSED) throw error;
      return await send(exchange);
    }
  }

  #poolOf(url: URL, settings: FetchSettings, authorities: string | null): Pool {
    const { allowLoopback, allowLinkLocal = false, proxy, caFile, timeoutMs } = settings;
    const key = JSON.stringify([url.origin, allowLoopback, allowLinkLocal, proxy, caFile, timeoutMs]);
    const known = this.#pools.get(key);
    // Connections that other authorities vouched for are not used any longer.
    if (known?.authorities === authorities) return known;
    const destination = destinationOf(url, settings, authorities, this.#resolve);
    const pool = { agent: new GuardedAgent(destination, timeoutMs), authorities };
    this.#pools.set(key, pool);
    return pool;
  }
}

/** Its connections are those of {@link openConnection}, also when they carry TLS. */
class GuardedAgent extends Agent {
  readonly #destination: Destination;
  readonly #timeoutMs: number;
  readonly #destroyed = new AbortController();

  constructor(destination: Destination, timeoutMs: number) {
    super(AGENT_OPTIONS);
    this.#destination = destination;
    this.#timeoutMs = timeoutMs;
  }

  /** By its own time and not by the request's: one that gives up leaves its connection to the next. */
  override createConnection(_options: unknown, done?: (error: Error | null, socket: Duplex) => void): undefined {
    const work = new AbortController();
    const abort = (): void => work.abort();
    const timer = setTimeout(abort, this.#timeoutMs);
    timer.unref();
    this.#destroyed.signal.addEventListener('abort', abort);
    openConnection(this.#destination, work.signal)
      .finally(() => {
        clearTimeout(timer);
        this.#destroyed.signal.removeEventListener('abort', abort);
      })
      .then(
        (socket) => done?.(null, socket),
        // Agents take no socket beside an error.
        (error: unknown) => done?.(error as Error, undefined as never),
      );
  }

  override destroy(): void {
    this.#destroyed.abort();
    super.destroy();
  }
}

function destinationOf(url: URL, settings: FetchSettings, authorities: string | null, resolve: Resolve): Destination {
  const isTls = url.protocol === 'https:';
  return {
    host: hostOf(url),
    port: portOf(url),
    secureContext: isTls ? secureContextOf(authorities) : null,
    proxy: settings.proxy === null ? null : proxyOf(settings.proxy),
    rules: settings,
    resolve,
  };
}

function secureContextOf(authorities: string | null): ReturnType<typeof createSecureContext> {
  if (authorities === null) return createSecureContext();
  // Without this a file of nothing would be the system's authorities.
  if (!authorities.includes('-----BEGIN CERTIFICATE-----'))
    throw new FetchError('file', 'certificates of authorities: the file holds none');
  try {
    return createSecureContext({ ca: authorities });
  } catch (error) {
    throw new FetchError('file', `certificates of authorities: ${codeOf(error)}`);
  }
}

function parseUrl(text: string): URL {
  const url = text.length <= MAX_URL_LENGTH ? URL.parse(text) : null;
  if (url === null) throw new FetchError('url', 'the URL cannot be read');
  // Names and passwords of a URL end up in logs.
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw new FetchError('url', 'the URL has a user, a password or a fragment');
  return url;
}

function proxyOf(text: string): { host: string; port: number } {
  const url = parseUrl(text);
  if (url.protocol !== 'http:') throw new FetchError('url', "the proxy's URL is not http");
  return { host: hostOf(url), port: portOf(url) };
}

function hostOf({ hostname }: URL): string {
  return hostname.startsWith('[') ? hostname.slice(1, -1) : hostname;
}

function portOf({ port, protocol }: URL): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port);
}

interface Exchange {
  readonly url: URL;
  readonly agent: Agent;
  readonly form: string | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

const REUSED_CONNECTION_CLOSED = new FetchError('connection', 'the kept connection was closed');

function send({ url, agent, form, headers, maxBytes, signal }: Exchange): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({
      agent,
      method: form === null ? 'GET' : 'POST',
      host: hostOf(url),
      port: portOf(url),
      path: url.pathname + url.search,
      headers: {
        host: url.host,
        accept: 'application/json',
        'accept-encoding': 'identity',
        ...(form === null
          ? {}
          : { 'content-type': 'application/x-www-form-urlencoded', 'content-length': Buffer.byteLength(form) }),
        ...headers,
      },
      maxHeaderSize: MAX_HEADER_BYTES,
      signal,
    });
    const fail = (error: FetchError): void => {
      reject(error);
      request.destroy();
    };
    request.on('error', (error) => {
      if (error instanceof FetchError) reject(error);
      else if (request.reusedSocket && isClosed(error)) reject(REUSED_CONNECTION_CLOSED);
      else if (codeOf(error) === 'HPE_HEADER_OVERFLOW') fail(new FetchError('size', 'the headers are too long'));
      else reject(new FetchError('connection', `connection: ${codeOf(error)}`));
    });
    request.on('response', (response) => {
      const refusal = refusalOfHead(response, maxBytes);
      if (refusal === null) readBody(response, maxBytes, resolve, fail);
      else fail(refusal);
    });
    request.on('upgrade', ({ statusCode = 0 }) => fail(new FetchError('status', `answered ${statusCode}`, statusCode)));
    request.end(form ?? undefined);
  });
}

function isClosed(error: Error): boolean {
  return codeOf(error) === 'ECONNRESET' || codeOf(error) === 'EPIPE';
}

function refusalOfHead(response: IncomingMessage, maxBytes: number): FetchError | null {
  const status = response.statusCode ?? 0;
  if (status >= 300 && status < 400)
    return new FetchError('redirect', `answered ${status}: redirects are not followed`, status);
  if (status !== 200) return new FetchError('status', `answered ${status}`, status);
  const encoding = response.headers['content-encoding'];
  // A kilobyte can decompress to a gigabyte; nothing was asked for but the plain bytes.
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity')
    return new FetchError('encoding', 'the body has a content-encoding');
  // A bound on what is read comes below; this one saves reading.
  return Number(response.headers['content-length'] ?? 0) > maxBytes ? tooLong(maxBytes) : null;
}

function tooLong(maxBytes: number): FetchError {
  return new FetchError('size', `the body is longer than ${maxBytes} bytes`);
}

function readBody(
  response: IncomingMessage,
  maxBytes: number,
  done: (body: Buffer) => void,
  fail: (error: FetchError) => void,
): void {
  const chunks: Buffer[] = [];
  let length = 0;
  response.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length > maxBytes) fail(tooLong(maxBytes));
    else chunks.push(chunk);
  });
  response.on('end', () => done(Buffer.concat(chunks)));
  // Also when it is closed before its end.
  response.on('error', (error) => fail(new FetchError('connection', `body: ${codeOf(error)}`)));
}

/** Rejects with the reason of `signal`, whatever `work` waits for: a look-up of a name, a file on a network disk. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as FetchError);
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
    work.then(resolve, reject);
  });
}
