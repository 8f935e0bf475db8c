/**
 * A process that asks at two fixed rates, whatever the answers do: the same requests again and again, and requests of
 * which none comes twice. Latency counts from when a request was due.
 */
import { connect, constants } from 'node:http2';
import type { IncomingHttpHeaders } from 'node:http2';

export interface ClientTask {
  readonly port: number;
  readonly seconds: number;
  readonly perSecond: number;
  /** In base64: asked in turn. */
  readonly again: readonly string[];
  /** In base64: asked once each, evenly over the time. */
  readonly once: readonly string[];
}

export interface ClientReport {
  /** Milliseconds, of the requests that come again. */
  readonly latencies: readonly number[];
  /** Requests whose call did not end well. */
  readonly failed: number;
}

const CHECK = '/envoy.service.auth.v3.Authorization/Check';

function framed(text: string): Buffer {
  const message = Buffer.from(text, 'base64');
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function run({ port, seconds, perSecond, again, once }: ClientTask): Promise<ClientReport> {
  const session = connect(`http://127.0.0.1:${port}`);
  const latencies: number[] = [];
  let open = 0;
  let failed = 0;
  const send = (frame: Buffer, done: () => void): void => {
    open++;
    let status = '';
    const stream = session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: CHECK,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      te: 'trailers',
    });
    stream.on('trailers', (trailers: IncomingHttpHeaders) => (status = String(trailers['grpc-status'])));
    stream.on('error', () => undefined);
    stream.on('close', () => {
      open--;
      if (status === '0') done();
      else failed++;
    });
    stream.resume();
    stream.end(frame);
  };
  const cached = again.map(framed);
  const fresh = once.map(framed);
  const started = performance.now();
  let sent = 0;
  let sentOnce = 0;
  while (performance.now() - started < seconds * 1000 || open > 0) {
    const share = Math.min(1, (performance.now() - started) / (seconds * 1000));
    for (; sent < share * seconds * perSecond; sent++) {
      const dueMs = started + (sent * 1000) / perSecond;
      send(cached[sent % cached.length]!, () => latencies.push(performance.now() - dueMs));
    }
    for (; sentOnce < Math.floor(share * fresh.length); sentOnce++) send(fresh[sentOnce]!, () => undefined);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  session.close();
  return { latencies, failed };
}

process.on('message', (task: ClientTask) => void run(task).then((report) => process.send!(report)));
process.on('disconnect', () => process.exit(0));
