/** Asks an admin server, and holds every answer of the API against its description. */
import { request as httpRequest } from 'node:http';
import type { IncomingMessage } from 'node:http';
import { unlikeDescription } from './openapi.ts';

export interface Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

export interface Asking {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** A value is sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is. */
  readonly text?: string | Buffer;
}

/** `address`: `HOST:PORT`. */
export async function ask(address: string, target: string, asking: Asking = {}): Promise<Reply> {
  const { method = 'GET', body, text } = asking;
  const [host, port] = address.split(':');
  const sent = text ?? (body === undefined ? undefined : JSON.stringify(body));
  const isChunked = asking.headers?.['transfer-encoding'] !== undefined;
  const headers = {
    ...(sent === undefined ? {} : { 'content-type': 'application/json' }),
    ...(sent === undefined || isChunked ? {} : { 'content-length': String(Buffer.byteLength(sent)) }),
    ...asking.headers,
  };
  const reply = await new Promise<Reply>((resolve, reject) => {
    const request = httpRequest({ host, port, path: target, method, headers, agent: false }, (response) => {
      readAll(response).then((read) => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: read });
      }, reject);
    });
    request.on('error', reject);
    request.end(sent);
  });
  const path = target.split('?')[0]!;
  if (path.startsWith('/api/') && method !== 'HEAD' && reply.status !== 404) {
    const contentType = String(reply.headers['content-type']);
    const unlike = unlikeDescription(method, path, { status: reply.status, contentType, body: reply.body });
    if (unlike.length > 0) throw new Error(`${method} ${target}: ${reply.body}\n${unlike.join('\n')}`);
  }
  return reply;
}

async function readAll(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** The value of a good answer. */
export async function get<Value = Record<string, unknown>>(address: string, target: string): Promise<Value> {
  return valueOf(await ask(address, target)) as Value;
}

export async function post<Value = Record<string, unknown>>(
  address: string,
  target: string,
  body: unknown,
): Promise<Value> {
  return valueOf(await ask(address, target, { method: 'POST', body })) as Value;
}

function valueOf({ status, body }: Reply): unknown {
  if (status !== 200) throw new Error(`${status}: ${body}`);
  return JSON.parse(body) as unknown;
}
