/** A transport in a process of its own that accepts nothing: its parent sends it connections. See suite/handed-over.ts. */
import type { Socket } from 'node:net';
import { GrpcJsTransport } from '../../../src/transport/grpc-js/transport.ts';
import { NativeTransport } from '../../../src/transport/native/transport.ts';
import type { TlsOptions, UnaryHandler } from '../../../src/transport/transport.ts';

export interface HandedProcessOptions {
  readonly transport: string;
  readonly tls: TlsOptions | null;
}

const { transport: name, tls } = JSON.parse(process.argv[2]!) as HandedProcessOptions;
const transport = name === 'native' ? new NativeTransport(() => undefined) : new GrpcJsTransport(() => undefined);

/** Who answers, and whether it knows the caller by a certificate. */
const who: UnaryHandler = (_message, { peerCertificate }) =>
  Buffer.from(`${process.pid} ${peerCertificate === null ? 'anybody' : 'somebody'}`);

const server = await transport.serve(
  { tls, maxMessageBytes: 1_000_000, maxConcurrentStreams: 100, maxConnectionAgeSeconds: 0, reflection: false },
  { unary: new Map([['/test.Bytes/Who', who]]), serverStream: new Map(), answersAnyPeer: new Set() },
);

process.on('message', (message: string, socket: Socket | undefined) => {
  if (message === 'drain') void server.drain(5_000).then(() => process.disconnect());
  // A connection whose peer has left meanwhile does not arrive.
  else if (socket !== undefined) server.adopt(socket);
});
process.send!('ready');
