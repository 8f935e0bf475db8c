import { connect, constants, type ClientHttp2Session, type OutgoingHttpHeaders } from 'node:http2';

import { linesOf, type HeaderLine } from './headers.ts';
import type { HttpResponse } from './http1-client.ts';
import { openSocket, type Target } from './target.ts';

export interface Http2Request {
  /** Default GET. */
  readonly method?: string;
  readonly path: string;
  /** `:authority`. Default `shop.example`. */
  readonly authority?: string;
  /** Names in lower case; several lines of one name are sent as several fields. */
  readonly headers?: readonly HeaderLine[];
  readonly body?: string;
}

/** A gateway that hangs is a failed test, not a hung run. */
const ANSWER_TIMEOUT_MS = 10_000;

/** One request on a connection of its own; h2 by ALPN, or with prior knowledge in plaintext. */
export async function sendHttp2(target: Target, request: Http2Request): Promise<HttpResponse> {
  const connection = await openHttp2(target);
  try {
    return await connection.send(request);
  } finally {
    connection.close();
  }
}

export interface Http2Connection {
  /** May be called again before an answer is there: requests share the connection. */
  send(request: Http2Request): Promise<HttpResponse>;
  close(): void;
}

export async function openHttp2(target: Target): Promise<Http2Connection> {
  const socket = await openSocket(target, 'h2');
  const session = connect(`${target.tls === null ? 'http' : 'https'}://${target.host}:${String(target.port)}`, {
    createConnection: () => socket,
    // Tests send headers that are too large on purpose; Node's own bound is 64 KiB.
    maxSendHeaderBlockLength: 1024 * 1024,
  });
  // Each request reports its own failure; without a listener Node would throw it a second time.
  session.on('error', () => undefined);
  return {
    send: (request) => sendOn(session, request),
    close: () => {
      session.destroy();
    },
  };
}

function sendOn(session: ClientHttp2Session, request: Http2Request): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const headers: OutgoingHttpHeaders = {
      [constants.HTTP2_HEADER_METHOD]: request.method ?? 'GET',
      [constants.HTTP2_HEADER_PATH]: request.path,
      [constants.HTTP2_HEADER_AUTHORITY]: request.authority ?? 'shop.example',
    };
    for (const [name, value] of request.headers ?? []) {
      const before = headers[name];
      headers[name] = before === undefined ? value : [before, value].flat().map(String);
    }
    const stream = session.request(headers, { endStream: request.body === undefined });
    let status = 0;
    let lines: readonly HeaderLine[] = [];
    let body = '';
    stream.on('response', (response, _flags, rawHeaders?: string[]) => {
      status = Number(response[constants.HTTP2_HEADER_STATUS]);
      lines = linesOf(rawHeaders ?? []).filter(([name]) => !name.startsWith(':'));
    });
    stream.setEncoding('latin1').on('data', (chunk: string) => {
      body += chunk;
    });
    stream.on('error', reject);
    stream.on('close', () => {
      if (status === 0) {
        reject(new Error(`stream ended without a response, code ${String(stream.rstCode)}`));
      } else {
        resolve({ status, headers: lines, body });
      }
    });
    stream.setTimeout(ANSWER_TIMEOUT_MS, () => {
      stream.close(constants.NGHTTP2_CANCEL);
    });
    if (request.body !== undefined) {
      stream.end(request.body, 'latin1');
    }
  });
}
