/**
 * `node load-tests/generator/recorded/record.ts`: writes `check-requests.json` anew, from what the real Envoy sends when it is
 * configured as `deploy/envoy/envoy.yaml` recommends: the fields of each call's header block, in order, and its message.
 */
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:http2';
import type { ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { envoyPath } from '../../../scripts/install-envoy.mjs';
import type { ListenerOptions } from '../../../test/e2e/support/envoy-config.ts';
import { startEnvoy } from '../../../test/e2e/support/envoy.ts';
import { sendHttp2 } from '../../../test/e2e/support/http2-client.ts';
import { clientOf, serverTls } from '../../../test/e2e/support/identities.ts';
import { createTokenIssuer } from '../../../test/e2e/support/tokens.ts';
import { startUpstream } from '../../../test/e2e/support/upstream.ts';
import { RECORDED_FILE } from './read.ts';
import type { Recorded, RecordedCall } from './read.ts';

const HOST = 'svc00000.ns00.svc.cluster.local:8080';
/** As recommended: it is a header of every call. */
const TIMEOUT_MS = 200;

/** What a browser sends through a gateway that traces. */
const HEADERS: readonly (readonly [string, string])[] = [
  ['accept', 'application/json'],
  ['accept-encoding', 'gzip, deflate, br'],
  ['accept-language', 'en-US,en;q=0.9'],
  ['cookie', 'session=0123456789abcdef0123456789abcdef; theme=dark'],
  ['origin', 'https://shop.example.com'],
  ['referer', 'https://shop.example.com/checkout'],
  ['traceparent', '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'],
  [
    'user-agent',
    'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36',
  ],
  ['x-b3-sampled', '1'],
  ['x-b3-spanid', 'b7ad6b7169203331'],
  ['x-b3-traceid', '0af7651916cd43dd8448eb211c80319c'],
];

/** Answers OK to every call and keeps the last one. */
async function startRecorder(): Promise<{ port: number; last: () => RecordedCall; stop: () => void }> {
  let last: RecordedCall | null = null;
  const server = createServer();
  server.on('stream', (stream: ServerHttp2Stream, _headers, _flags, raw: readonly string[]) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => {
      const fields: [string, string][] = [];
      for (let i = 0; i < raw.length; i += 2) fields.push([raw[i]!, raw[i + 1]!]);
      last = { fields, message: Buffer.concat(chunks).subarray(5).toString('base64') };
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      // CheckResponse with the status OK: `status` (1), of no bytes.
      stream.end(Buffer.from([0, 0, 0, 0, 2, 0x0a, 0]));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    last: () => {
      if (last === null) throw new Error('nothing was asked');
      return last;
    },
    stop: () => server.close(),
  };
}

const issuer = createTokenIssuer('https://login.example.com');
const recommended: ListenerOptions = {
  name: 'recommended',
  tls: serverTls('ns00', 'svc00000'),
  http: { forwardClientCertificate: 'SANITIZE_SET' },
  tokens: issuer,
  extAuthz: { timeoutMs: TIMEOUT_MS },
  routes: [
    {
      prefix: '/',
      contextExtensions: { namespace: 'ns00', serviceAccount: 'svc00000', 'label.app': 'svc00000' },
    },
  ],
};
/** What Istio's mesh configuration can say of an extension provider, and no more: no certificate, headers joined. */
const plain: ListenerOptions = {
  ...recommended,
  name: 'plain',
  extAuthz: {
    timeoutMs: TIMEOUT_MS,
    encodeRawHeaders: false,
    includePeerCertificate: false,
    includeTlsSession: false,
    metadataNamespaces: [],
  },
  routes: [{ prefix: '/' }],
};

const upstream = await startUpstream();
const recorder = await startRecorder();
const envoy = await startEnvoy({
  listeners: [recommended, plain],
  services: { recorder: { address: `127.0.0.1:${recorder.port}` } },
  upstream: upstream.ports,
});
try {
  const ask = async (listener: string, headers = HEADERS): Promise<RecordedCall> => {
    const path = '/api/v1/orders/0a1b2c3d/items';
    const answer = await sendHttp2(envoy.target(listener, clientOf('ns01', 'svc00001')), {
      path,
      authority: HOST,
      headers,
    });
    if (answer.status !== 200) throw new Error(`${listener}: ${answer.status} ${answer.body}`);
    return recorder.last();
  };
  const token = issuer.sign({ sub: 'user-0000', aud: 'shop', scope: 'orders.read orders.write' });
  const recorded: Recorded = {
    envoy: execFileSync(await envoyPath(), ['--version'], { encoding: 'utf8' })
      .trim()
      .split(':')
      .at(-1)!
      .trim(),
    shapes: {
      plain: await ask('plain'),
      recommended: await ask('recommended'),
      token: await ask('recommended', [...HEADERS, ['authorization', `Bearer ${token}`]]),
    },
  };
  const file = fileURLToPath(RECORDED_FILE);
  const style = await resolveConfig(file);
  await writeFile(file, await format(JSON.stringify(recorded), { ...style, parser: 'json' }));
  for (const [name, call] of Object.entries(recorded.shapes))
    console.log(`${name}: ${Buffer.from(call.message, 'base64').length} bytes, ${call.fields.length} header fields`);
} finally {
  await envoy.stop();
  recorder.stop();
  await upstream.stop();
}
// The clients' sessions are gone; what Envoy had open to the recorder may not be noticed yet.
process.exit(0);
