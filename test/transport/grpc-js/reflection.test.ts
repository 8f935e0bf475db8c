import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from '@jest/globals';
import { GrpcJsTransport } from '../../../src/transport/grpc-js/transport.ts';
import { waitUntil } from '../../e2e/support/wait.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openListener } from '../support/listening.ts';
import type { TransportUnderTest } from '../support/listening.ts';

const transport: TransportUnderTest = { name: 'grpc-js', create: (log, options) => new GrpcJsTransport(log, options) };
const asIs = (bytes: Buffer): Buffer => bytes;

describe('reflection', () => {
  const cleanup = new Cleanup();
  afterEach(() => cleanup.run());

  /** One request, one answer; the stream stays open. */
  async function ask(address: string, version: string, request: Buffer) {
    const client = new Client(address, credentials.createInsecure());
    cleanup.add(() => client.close());
    const call = client.makeBidiStreamRequest(
      `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
      asIs,
      asIs,
    );
    const answers: Buffer[] = [];
    let code: number | null = null;
    call.on('data', (answer: Buffer) => answers.push(answer)).on('error', () => undefined);
    call.on('status', (status: { code: number }) => (code = status.code));
    call.write(request);
    await waitUntil('an answer', () => answers.length > 0 || code !== null);
    return { text: Buffer.concat(answers).toString('latin1'), code: (): number | null => code };
  }

  /** ServerReflectionRequest: `string list_services = 7` and `string file_containing_symbol = 4`. */
  const LIST_SERVICES = Buffer.of(0x3a, 0);
  const fileOf = (symbol: string): Buffer => Buffer.concat([Buffer.of(0x22, symbol.length), Buffer.from(symbol)]);

  it.each(['v1', 'v1alpha'])('lists the services of the shipped files (%s)', async (version) => {
    const { listener } = cleanup.listener(await openListener(transport, { reflection: true }));
    const { text } = await ask(listener.address, version, LIST_SERVICES);
    expect(text).toContain('envoy.service.auth.v3.Authorization');
    expect(text).toContain('grpc.health.v1.Health');
  });

  it('describes a service by its file', async () => {
    const { listener } = cleanup.listener(await openListener(transport, { reflection: true }));
    const { text } = await ask(listener.address, 'v1', fileOf('envoy.service.auth.v3.Authorization'));
    expect(text).toContain('CheckRequest');
    const file = new URL('../../../proto/envoy/service/auth/v3/external_auth.proto', import.meta.url);
    expect(await readFile(fileURLToPath(file), 'utf8')).toContain('message CheckRequest');
  });

  it('is an unknown method when it is off', async () => {
    const { listener } = cleanup.listener(await openListener(transport, { reflection: false }));
    const { code } = await ask(listener.address, 'v1', LIST_SERVICES);
    expect(code()).toBe(12);
  });

  it('does not keep a drain waiting', async () => {
    const { listener } = await openListener(transport, { reflection: true });
    await ask(listener.address, 'v1', LIST_SERVICES);
    const before = performance.now();
    await listener.drain(10_000);
    expect(performance.now() - before).toBeLessThan(2_000);
  });
});
