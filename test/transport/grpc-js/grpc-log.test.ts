import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { describe, expect, it } from '@jest/globals';

const source = (path: string): string =>
  JSON.stringify(fileURLToPath(new URL(`../../../src/${path}`, import.meta.url)));

/** A server with grpc-js told to trace everything, in a process whose output can be read. */
const PROGRAM = `
  import { GrpcJsTransport } from ${source('transport/grpc-js/transport.ts')};
  import { Client, credentials } from '@grpc/grpc-js';
  let lines = 0;
  const transport = new GrpcJsTransport((level, message) => { if (message === 'grpc-js') lines++; });
  const listener = await transport.listen(
    { address: '127.0.0.1:0', tls: null, maxMessageBytes: 1e6, maxConcurrentStreams: 100, maxConnectionAgeSeconds: 0, reflection: false },
    { unary: new Map([['/a/b', (message) => message]]), serverStream: new Map(), answersAnyPeer: new Set() },
  );
  const client = new Client(listener.address, credentials.createInsecure());
  const asIs = (bytes) => bytes;
  await new Promise((resolve) => client.makeUnaryRequest('/a/b', asIs, asIs, Buffer.of(1), resolve));
  client.close();
  await listener.drain(1000);
  process.exitCode = lines > 0 ? 42 : 1;
`;

describe('the log of grpc-js', () => {
  it('goes to the log of the transport, not to the output of the process', async () => {
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '--eval', PROGRAM], {
      cwd: fileURLToPath(new URL('../../../', import.meta.url)),
      env: { ...process.env, GRPC_TRACE: 'all', GRPC_VERBOSITY: 'DEBUG', NODE_OPTIONS: '' },
    });
    await expect(run).rejects.toMatchObject({ code: 42, stdout: '', stderr: '' });
  });
});
