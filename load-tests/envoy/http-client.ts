/**
 * HTTP/1.1 load on keep-alive connections, with a client certificate: each connection has one request at a time. A closed loop
 * asks again as soon as an answer is there; an open loop asks at a fixed rate, whatever the answers do, and its latency counts
 * from when a request was due.
 *
 * It waits for nothing: between two looks at its sockets it looks at the clock, so that requests go out when they are due and
 * not in bursts. It wants a core of its own.
 */
import { connect } from 'node:tls';
import type { TLSSocket } from 'node:tls';

export interface HttpTask {
  readonly port: number;
  /** PEM. */
  readonly tls: { readonly authority: string; readonly certificate: string; readonly key: string };
  readonly connections: number;
  /** Requests a second; 0: a closed loop. */
  readonly perSecond: number;
  readonly warmUpMs: number;
  readonly durationMs: number;
  /** Header lines beside Host. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Asked in turn; `{n}` becomes another number each time. */
  readonly requests: readonly HttpRequest[];
}

export interface HttpRequest {
  readonly method: string;
  readonly path: string;
}

export interface HttpReport {
  readonly answers: number;
  /** Of the measured time only. */
  readonly durationMs: number;
  readonly statuses: Readonly<Record<string, number>>;
  /** Broken connections, and answers that could not be read. */
  readonly errors: number;
  /** Microseconds. */
  readonly p50Us: number;
  readonly p99Us: number;
  readonly maxUs: number;
  /** Requests that were due and had not been sent at the end. */
  readonly backlog: number;
}

/** Called when the warm-up is over, and when the measured time is. */
export interface HttpMarks {
  begin(): void;
  end(): void;
}

class HttpConnection {
  readonly #socket: TLSSocket;
  readonly #load: HttpLoad;
  #received = '';
  #dueMs = -1;

  constructor(load: HttpLoad, { port, tls }: HttpTask) {
    this.#load = load;
    this.#socket = connect({
      port,
      host: '127.0.0.1',
      ca: tls.authority,
      cert: tls.certificate,
      key: tls.key,
      ALPNProtocols: ['http/1.1'],
      // The chain is verified; the name is not: a mesh names servers by SPIFFE ID, not by host.
      checkServerIdentity: () => undefined,
    });
    this.#socket.setNoDelay(true).setEncoding('latin1');
    this.#socket.once('secureConnect', () => load.idle(this));
    this.#socket.on('data', (text: string) => this.#read(text));
    this.#socket.on('error', () => undefined);
    this.#socket.on('close', () => load.broken());
  }

  send(text: string, dueMs: number): void {
    this.#dueMs = dueMs;
    this.#socket.write(text, 'latin1');
  }

  destroy(): void {
    this.#socket.removeAllListeners('close').destroy();
  }

  /** Envoy's own answers say how long they are. */
  #read(text: string): void {
    this.#received += text;
    const head = this.#received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/\r\ncontent-length: (\d+)/i.exec(this.#received.slice(0, head + 2))?.[1] ?? 0);
    if (this.#received.length < head + 4 + length) return;
    const status = this.#received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length);
    this.#received = '';
    this.#load.answered(status, this.#dueMs);
    this.#load.idle(this);
  }
}

class HttpLoad {
  readonly #task: HttpTask;
  readonly #marks: HttpMarks;
  readonly #connections: HttpConnection[];
  readonly #idle: HttpConnection[] = [];
  readonly #lines: string;
  readonly #done: (report: HttpReport) => void;
  #latencies = new Float64Array(2 ** 16);
  #answers = 0;
  #statuses: Record<string, number> = {};
  #errors = 0;
  #sent = 0;
  #beginMs = 0;
  #startMs = 0;
  #measuring = false;
  #over = false;

  constructor(task: HttpTask, marks: HttpMarks, done: (report: HttpReport) => void) {
    this.#task = task;
    this.#marks = marks;
    this.#done = done;
    this.#lines = ['host: orders.shop', ...task.headers.map(([name, value]) => `${name}: ${value}`), '', ''].join(
      '\r\n',
    );
    this.#connections = Array.from({ length: task.connections }, () => new HttpConnection(this, task));
  }

  /** Begins when all connections are there. */
  idle(connection: HttpConnection): void {
    this.#idle.push(connection);
    if (this.#startMs > 0 || this.#idle.length < this.#connections.length) return;
    this.#startMs = performance.now();
    setImmediate(() => this.#turn());
  }

  #turn(): void {
    if (this.#over) return;
    const nowMs = performance.now();
    if (!this.#measuring && nowMs >= this.#startMs + this.#task.warmUpMs) {
      this.#measuring = true;
      this.#beginMs = nowMs;
      this.#marks.begin();
    }
    if (this.#measuring && nowMs >= this.#beginMs + this.#task.durationMs) {
      this.#finish(nowMs);
      return;
    }
    while (this.#idle.length > 0) {
      const { perSecond } = this.#task;
      const dueMs = perSecond === 0 ? performance.now() : this.#startMs + (this.#sent * 1_000) / perSecond;
      if (dueMs > performance.now()) break;
      this.#idle.shift()!.send(this.#next(), dueMs);
    }
    setImmediate(() => this.#turn());
  }

  #next(): string {
    const { requests } = this.#task;
    const { method, path } = requests[this.#sent % requests.length]!;
    return `${method} ${path.replace('{n}', String(this.#sent++))} HTTP/1.1\r\n${this.#lines}`;
  }

  answered(status: string, dueMs: number): void {
    if (!this.#measuring || this.#over) return;
    if (this.#answers === this.#latencies.length) {
      const more = new Float64Array(2 * this.#latencies.length);
      more.set(this.#latencies);
      this.#latencies = more;
    }
    this.#latencies[this.#answers++] = performance.now() - dueMs;
    this.#statuses[status] = (this.#statuses[status] ?? 0) + 1;
  }

  broken(): void {
    this.#errors++;
    if (this.#startMs === 0) this.#finish(performance.now());
  }

  #finish(nowMs: number): void {
    if (this.#over) return;
    this.#over = true;
    this.#marks.end();
    const { perSecond, warmUpMs } = this.#task;
    const sorted = this.#latencies.subarray(0, this.#answers).sort();
    const us = (share: number): number => (sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN) * 1_000;
    const durationMs = nowMs - this.#beginMs;
    this.#done({
      answers: this.#answers,
      durationMs,
      statuses: this.#statuses,
      errors: this.#errors,
      p50Us: us(0.5),
      p99Us: us(0.99),
      maxUs: us(1),
      backlog:
        perSecond === 0 ? 0 : Math.max(0, Math.floor(((warmUpMs + durationMs) * perSecond) / 1_000) - this.#sent),
    });
    for (const connection of this.#connections) connection.destroy();
  }
}

export function httpLoad(task: HttpTask, marks: HttpMarks): Promise<HttpReport> {
  return new Promise((resolve) => new HttpLoad(task, marks, resolve));
}
