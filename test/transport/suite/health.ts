import { afterEach, describe, expect, it } from '@jest/globals';
import { waitUntil } from '../../e2e/support/wait.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openClient } from '../support/grpc-client.ts';
import { openListener } from '../support/listening.ts';
import type { TransportUnderTest } from '../support/listening.ts';

const CHECK = '/grpc.health.v1.Health/Check';
const WATCH = '/grpc.health.v1.Health/Watch';
const SERVING = Buffer.of(8, 1);
const NOT_SERVING = Buffer.of(8, 2);
const SERVICE_UNKNOWN = Buffer.of(8, 3);

const request = (service: string): Buffer =>
  service === '' ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, service.length), Buffer.from(service)]);

/** Health over the wire; what the messages mean is tested in health.test.ts. */
export function describeHealth(transport: TransportUnderTest): void {
  describe('health', () => {
    const cleanup = new Cleanup();
    afterEach(() => cleanup.run());

    async function open() {
      const { listener, health } = cleanup.listener(await openListener(transport));
      return { health, client: cleanup.client(openClient({ address: listener.address })) };
    }

    it('answers Check for the server and for its services', async () => {
      const { health, client } = await open();
      expect(await client.unary(CHECK, request(''))).toMatchObject({ code: 0, message: NOT_SERVING });
      health.setServing();
      expect(await client.unary(CHECK, request(''))).toMatchObject({ code: 0, message: SERVING });
      expect(await client.unary(CHECK, request('test.Bytes'))).toMatchObject({ code: 0, message: SERVING });
      expect(await client.unary(CHECK, request('test.Other'))).toMatchObject({ code: 5 });
      expect(await client.unary(CHECK, Buffer.of(0x0a, 9))).toMatchObject({ code: 3 });
    });

    it('tells watchers of each change', async () => {
      const { health, client } = await open();
      const watch = client.stream(WATCH, request('test.Bytes'));
      const unknown = client.stream(WATCH, request('test.Other'));
      await waitUntil('the first status', () => watch.messages.length === 1 && unknown.messages.length === 1);
      health.setServing();
      health.setServing();
      health.setNotServing();
      await waitUntil('the changes', () => watch.messages.length === 3);
      expect(watch.messages).toEqual([NOT_SERVING, SERVING, NOT_SERVING]);
      expect(unknown.messages).toEqual([SERVICE_UNKNOWN]);
      expect(await client.stream(WATCH, Buffer.of(0x0a, 9)).ended).toMatchObject({ code: 3 });
    });
  });
}
