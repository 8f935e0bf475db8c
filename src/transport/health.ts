/**
 * `grpc.health.v1.Health` (https://github.com/grpc/grpc/blob/master/doc/health-checking.md), bytes in and bytes out.
 * Its two messages have one field each, so they are read and written here by hand.
 */
import type { CallStatus } from './status.ts';
import { StatusCode } from './status.ts';
import type { Methods, StreamHandler, UnaryHandler } from './transport.ts';

/** HealthCheckResponse.ServingStatus. */
const SERVING = 1;
const NOT_SERVING = 2;
const SERVICE_UNKNOWN = 3;

/** HealthCheckResponse: `ServingStatus status = 1`. */
const response = (status: number): Uint8Array => Uint8Array.of(0x08, status);

const UNKNOWN_SERVICE: CallStatus = { code: StatusCode.notFound, message: 'unknown service' };

const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';

/** One state for the whole process, told under several service names. Starts as NOT_SERVING. */
export class Health {
  readonly #services: ReadonlySet<string>;
  readonly #watchers = new Set<(message: Uint8Array) => void>();
  #serving = false;

  /** The empty name, which stands for the whole server, is always known. */
  constructor(services: readonly string[]) {
    this.#services = new Set(['', ...services]);
  }

  get serving(): boolean {
    return this.#serving;
  }

  setServing(): void {
    this.#set(true);
  }

  /** Call it before a drain: load balancers then look elsewhere while calls are still answered. */
  setNotServing(): void {
    this.#set(false);
  }

  readonly methods: Pick<Methods, 'unary' | 'serverStream'> = {
    unary: new Map<string, UnaryHandler>([[CHECK, (message) => this.#check(message)]]),
    serverStream: new Map<string, StreamHandler>([
      [WATCH, (message, _context, send, signal) => this.#watch(message, send, signal)],
    ]),
  };

  #set(serving: boolean): void {
    // "The server will then subsequently send a new message whenever the service's serving status changes."
    if (serving === this.#serving) return;
    this.#serving = serving;
    for (const send of this.#watchers) send(this.#status());
  }

  #status(): Uint8Array {
    return response(this.#serving ? SERVING : NOT_SERVING);
  }

  #check(message: Uint8Array): Uint8Array | CallStatus | null {
    const service = readServiceName(message);
    if (service === null) return null;
    return this.#services.has(service) ? this.#status() : UNKNOWN_SERVICE;
  }

  #watch(message: Uint8Array, send: (message: Uint8Array) => void, signal: AbortSignal): null | undefined {
    const service = readServiceName(message);
    if (service === null) return null;
    if (!this.#services.has(service)) {
      // Unlike Check, not an error: the stream stays open in case that the service is added.
      send(response(SERVICE_UNKNOWN));
      return undefined;
    }
    send(this.#status());
    this.#watchers.add(send);
    signal.addEventListener('abort', () => this.#watchers.delete(send), { once: true });
    return undefined;
  }
}

const VARINT = 0;
const FIXED_64 = 1;
const LENGTH_DELIMITED = 2;
const FIXED_32 = 5;

/**
 * `string service = 1` of HealthCheckRequest; the last one counts, unknown fields are passed over (protobuf encoding,
 * "Last One Wins" and "Unknown Fields"). null: no such message.
 */
function readServiceName(message: Uint8Array): string | null {
  let service = '';
  let at = 0;
  /** A varint, or NaN when it is cut off or longer than ten bytes. */
  const varint = (): number => {
    let value = 0;
    for (let i = 0; i < 10; i++) {
      const byte = message[at++];
      if (byte === undefined) return NaN;
      value += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return value;
    }
    return NaN;
  };
  while (at < message.length) {
    const tag = varint();
    const field = Math.floor(tag / 8);
    if (!(field >= 1)) return null;
    switch (tag % 8) {
      case VARINT:
        if (Number.isNaN(varint())) return null;
        break;
      case FIXED_64:
        at += 8;
        break;
      case FIXED_32:
        at += 4;
        break;
      case LENGTH_DELIMITED: {
        const end = varint() + at;
        if (!(end <= message.length)) return null;
        if (field === 1) {
          const text = utf8(message.subarray(at, end));
          if (text === null) return null;
          service = text;
        }
        at = end;
        break;
      }
      // Groups, and the two numbers that mean nothing.
      default:
        return null;
    }
  }
  return at === message.length ? service : null;
}

/** proto3 strings are UTF-8. */
function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
