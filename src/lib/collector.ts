/** A body to a collector: with its secret headers, a time limit, and what the answer means. */
import { readFile } from 'node:fs/promises';
import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';

/** The collector took a part only, or refuses what it got: asking again would not help. */
export class Lost extends Error {
  override readonly name = 'Lost';
}

export interface Collector {
  readonly url: string;
  readonly gzip: boolean;
  readonly timeoutSeconds: number;
  readonly headersFile: string | null;
  readonly caFile: string | null;
  /** To send besides those of the file. */
  readonly headers?: Readonly<Record<string, string>>;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Only what says how much was taken is read. */
const MAX_ANSWER_CHARACTERS = 64 * 1024;
const compress = promisify(gzip);
/** What is wrong with the body itself is so at the next attempt, too. */
const REFUSED: ReadonlySet<number> = new Set([400, 413, 415, 422]);
/** RFC 9110 §5.6.2 and §5.5. */
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?[ \t]*$/;

export class Poster {
  readonly #collector: Collector;
  readonly #closing = new AbortController();
  #agent: HttpAgent | null = null;

  constructor(collector: Collector) {
    this.#collector = collector;
  }

  /** Resolves with what the collector answers, as bytes. Rejects when it did not arrive; with {@link Lost} when it never will. */
  async post(body: string | Uint8Array, contentType: string): Promise<string> {
    const { headersFile } = this.#collector;
    const own = headersFile === null ? {} : secretHeaders(await readFile(headersFile, 'utf8'));
    const headers: Record<string, string> = { ...this.#collector.headers, ...own, 'content-type': contentType };
    const plain = typeof body === 'string' ? Buffer.from(body) : body;
    const bytes = this.#collector.gzip ? await compress(plain) : plain;
    if (this.#collector.gzip) headers['content-encoding'] = 'gzip';
    headers['content-length'] = String(bytes.length);
    const { status, text } = await this.#send(bytes, headers, await this.#agentFor());
    if (status >= 200 && status < 300) return text;
    if (REFUSED.has(status)) throw new Lost(`the collector refuses them with ${status}`);
    throw new Error(`the collector answers ${status}`);
  }

  close(): void {
    this.#closing.abort();
    this.#agent?.destroy();
  }

  async #agentFor(): Promise<HttpAgent> {
    if (this.#agent !== null) return this.#agent;
    const { url, caFile } = this.#collector;
    const ca = caFile === null ? {} : { ca: await readFile(caFile) };
    const options = { keepAlive: true, maxSockets: 1 };
    return (this.#agent = url.startsWith('https:') ? new HttpsAgent({ ...options, ...ca }) : new HttpAgent(options));
  }

  #send(bytes: Uint8Array, headers: Readonly<Record<string, string>>, agent: HttpAgent): Promise<Answer> {
    const { url, timeoutSeconds } = this.#collector;
    const send = url.startsWith('https:') ? httpsRequest : httpRequest;
    const signal = AbortSignal.any([AbortSignal.timeout(timeoutSeconds * 1000), this.#closing.signal]);
    return new Promise((resolve, reject) => {
      const request = send(url, { method: 'POST', agent, headers, signal }, (response) => {
        let text = '';
        // Characters 0 to 255, one for each byte: it may be protobuf.
        response.setEncoding('latin1');
        response.on('data', (part: string) => {
          if (text.length < MAX_ANSWER_CHARACTERS) text += part;
        });
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      });
      request.on('error', reject);
      request.end(bytes);
    });
  }
}

/** Lines `name: value`; empty ones and comments (`#`) aside. @throws when there is another one */
export function secretHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of text.split(/\r?\n/)) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const match = HEADER_LINE.exec(line);
    // Not the line itself: it may be the secret.
    if (match === null) throw new Error('the file with headers has a line that is no `name: value`');
    headers[match[1]!.toLowerCase()] = match[2] ?? '';
  }
  return headers;
}
