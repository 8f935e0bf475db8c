/** What the header block of a request says (RFC 9113 §8.3.1, gRPC over HTTP/2 "Requests"), or why it says nothing. */
import { MAX_HEADER_LIST_BYTES } from '../limits.ts';
import { HEADER_BOMB_FACTOR } from './bounds.ts';
import { ConnectionError } from './connection-error.ts';
import { ErrorCode } from './frame.ts';
import { Token } from './hpack/header-field.ts';
import type { HeaderField } from './hpack/header-field.ts';
import type { FieldSink } from './hpack/decoder.ts';

/** Takes the fields of one block after the other; {@link reset} between them. */
export class RequestHead implements FieldSink {
  method: string | null = null;
  scheme: string | null = null;
  path: string | null = null;
  contentType: string | null = null;
  timeout: string | null = null;
  encoding: string | null = null;
  trace: Map<string, string> | null = null;
  /** -1: not said. */
  contentLength = -1;
  /** Breaks a rule of RFC 9113 §8, so that the stream is reset. */
  malformed = false;
  /** As in §6.5.2. */
  listBytes = 0;
  #authority = false;
  #regularSeen = false;

  get tooLarge(): boolean {
    return this.listBytes > MAX_HEADER_LIST_BYTES;
  }

  /** §8.3.1: ":method", ":scheme" and ":path" are mandatory, and a path is not empty. */
  get isRequest(): boolean {
    const { method, scheme, path } = this;
    return !this.malformed && method !== null && scheme !== null && path !== null && path !== '';
  }

  /** §8.1: "Trailers MUST NOT include pseudo-header fields". */
  get isTrailers(): boolean {
    return !this.malformed && this.method === null && this.scheme === null && this.path === null && !this.#authority;
  }

  reset(): void {
    this.method = null;
    this.scheme = null;
    this.path = null;
    this.contentType = null;
    this.timeout = null;
    this.encoding = null;
    this.trace = null;
    this.contentLength = -1;
    this.malformed = false;
    this.listBytes = 0;
    this.#authority = false;
    this.#regularSeen = false;
  }

  field(field: HeaderField): void {
    this.listBytes += field.size;
    if (this.listBytes > MAX_HEADER_LIST_BYTES) {
      // §10.5.1 leaves it to us: reading on keeps the table in step, but only as long as that may be an honest list.
      if (this.listBytes > HEADER_BOMB_FACTOR * MAX_HEADER_LIST_BYTES) {
        throw new ConnectionError(ErrorCode.enhanceYourCalm, 'header list far above its bound');
      }
      return;
    }
    switch (field.token) {
      case Token.other:
        this.#regularSeen = true;
        return;
      case Token.method:
        this.#pseudo(this.method !== null);
        this.method = field.value;
        return;
      case Token.scheme:
        this.#pseudo(this.scheme !== null);
        this.scheme = field.value;
        return;
      case Token.path:
        this.#pseudo(this.path !== null);
        this.path = field.value;
        return;
      case Token.authority:
        this.#pseudo(this.#authority);
        this.#authority = true;
        return;
      case Token.contentType:
        this.contentType = field.value;
        break;
      case Token.contentLength:
        this.#contentLength(field.value);
        break;
      case Token.grpcTimeout:
        this.timeout = field.value;
        break;
      case Token.grpcEncoding:
        this.encoding = field.value;
        break;
      case Token.trace:
        this.trace ??= new Map();
        this.trace.set(field.name, this.trace.has(field.name) ? '' : field.value);
        break;
      case Token.te:
        // §8.2.2: "it MUST NOT contain any value other than 'trailers'".
        if (field.value !== 'trailers') this.malformed = true;
        break;
      case Token.forbidden:
        this.malformed = true;
        break;
    }
    this.#regularSeen = true;
  }

  /** §8.3: before all regular fields, and each once. */
  #pseudo(seen: boolean): void {
    if (seen || this.#regularSeen) this.malformed = true;
  }

  #contentLength(value: string): void {
    const length = /^[0-9]{1,15}$/.test(value) ? Number(value) : NaN;
    // Twice the same is as good as once (RFC 9110 §8.6).
    if (Number.isNaN(length) || (this.contentLength !== -1 && this.contentLength !== length)) this.malformed = true;
    else this.contentLength = length;
  }
}

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ['H', 3_600_000],
  ['M', 60_000],
  ['S', 1_000],
  ['m', 1],
  ['u', 1e-3],
  ['n', 1e-6],
]);

/** `grpc-timeout`: up to eight digits and a unit. Milliseconds; NaN for one that is malformed. */
export function parseTimeout(text: string): number {
  const digits = text.slice(0, -1);
  return /^[0-9]{1,8}$/.test(digits) ? Number(digits) * (UNIT_MS.get(text.slice(-1)) ?? NaN) : NaN;
}
