import type { Socket } from 'node:net';

import { valuesOf, type HeaderLine } from './headers.ts';
import { openSocket, type Target } from './target.ts';

export interface Http1Request {
  /** Default GET. */
  readonly method?: string;
  /** The request target, sent byte for byte. */
  readonly path: string;
  /** Default `shop.example`; null sends no Host line. */
  readonly host?: string | null;
  /** Lines in this order, names and values byte for byte (latin1). */
  readonly headers?: readonly HeaderLine[];
  readonly body?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: readonly HeaderLine[];
  readonly body: string;
}

/** A gateway that hangs is a failed test, not a hung run. */
const ANSWER_TIMEOUT_MS = 10_000;

/** One request on a connection of its own. */
export async function sendHttp1(target: Target, request: Http1Request): Promise<HttpResponse> {
  const connection = await openHttp1(target);
  try {
    return await connection.send(request);
  } finally {
    connection.close();
  }
}

export interface Http1Connection {
  send(request: Http1Request): Promise<HttpResponse>;
  /** Sends these bytes, whatever they are, and reads one response. */
  sendBytes(bytes: Buffer): Promise<HttpResponse>;
  close(): void;
}

/**
 * A keep-alive connection that sends exactly what it is told: `node:http` refuses or rewrites much of
 * what an attacker sends. One request at a time.
 */
export async function openHttp1(target: Target): Promise<Http1Connection> {
  const socket = await openSocket(target, 'http/1.1');
  const sendBytes = (bytes: Buffer): Promise<HttpResponse> => {
    socket.write(bytes);
    return readResponse(socket);
  };
  return {
    send: (request) => sendBytes(bytesOf(request)),
    sendBytes,
    close: () => {
      socket.destroy();
    },
  };
}

function bytesOf(request: Http1Request): Buffer {
  const lines = [`${request.method ?? 'GET'} ${request.path} HTTP/1.1`];
  if (request.host !== null) {
    lines.push(`Host: ${request.host ?? 'shop.example'}`);
  }
  for (const [name, value] of request.headers ?? []) {
    lines.push(`${name}: ${value}`);
  }
  if (request.body !== undefined) {
    lines.push(`Content-Length: ${String(Buffer.byteLength(request.body, 'latin1'))}`);
  }
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${request.body ?? ''}`, 'latin1');
}

function readResponse(socket: Socket): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    let received = '';
    const finish = (end: () => void): void => {
      clearTimeout(timer);
      socket.removeListener('data', onData).removeListener('error', onError).removeListener('close', onClose);
      end();
    };
    const onData = (chunk: Buffer): void => {
      received += chunk.toString('latin1');
      const response = parseResponse(received, false);
      if (response !== null) {
        finish(() => {
          resolve(response);
        });
      }
    };
    const onError = (error: Error): void => {
      finish(() => {
        reject(error);
      });
    };
    const onClose = (): void => {
      const response = parseResponse(received, true);
      finish(() => {
        if (response === null) {
          reject(new Error(`the connection closed after ${JSON.stringify(received)}`));
        } else {
          resolve(response);
        }
      });
    };
    const timer = setTimeout(() => {
      onError(new Error(`no whole response in ${String(ANSWER_TIMEOUT_MS)} ms: ${JSON.stringify(received)}`));
    }, ANSWER_TIMEOUT_MS);
    socket.on('data', onData).on('error', onError).on('close', onClose);
  });
}

/** The response in `text`, or null when more bytes are needed. */
function parseResponse(text: string, closed: boolean): HttpResponse | null {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd < 0) {
    return null;
  }
  const [statusLine = '', ...lines] = text.slice(0, headEnd).split('\r\n');
  const status = Number(statusLine.split(' ')[1]);
  const rest = text.slice(headEnd + 4);
  if (status >= 100 && status < 200) {
    return parseResponse(rest, closed);
  }
  const headers = lines.map((line): HeaderLine => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  });
  const body = bodyOf(rest, headers, status, closed);
  return body === null ? null : { status, headers, body };
}

function bodyOf(rest: string, headers: readonly HeaderLine[], status: number, closed: boolean): string | null {
  if (status === 204 || status === 304) {
    return '';
  }
  if (valuesOf(headers, 'transfer-encoding').includes('chunked')) {
    return chunkedBody(rest);
  }
  const [length] = valuesOf(headers, 'content-length');
  if (length === undefined) {
    return closed ? rest : null;
  }
  return rest.length >= Number(length) ? rest.slice(0, Number(length)) : null;
}

function chunkedBody(rest: string): string | null {
  let body = '';
  let at = 0;
  for (;;) {
    const lineEnd = rest.indexOf('\r\n', at);
    if (lineEnd < 0) {
      return null;
    }
    const size = parseInt(rest.slice(at, lineEnd), 16);
    const end = lineEnd + 2 + size + 2;
    if (rest.length < end) {
      return null;
    }
    if (size === 0) {
      return body;
    }
    body += rest.slice(lineEnd + 2, lineEnd + 2 + size);
    at = end;
  }
}
