import { existsSync } from 'node:fs';
import { stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { UNIX_SOCKET_MODE } from '../../../src/transport/limits.ts';
import { Cleanup } from '../support/cleanup.ts';
import { openClient } from '../support/grpc-client.ts';
import { ECHO, openListener } from '../support/listening.ts';
import type { TransportUnderTest } from '../support/listening.ts';
import { leaveStaleSocket } from '../support/stale-socket.ts';

const MESSAGE = Buffer.from('hello');

/** Where a listener can be, and what it says when it cannot. */
export function describeListeners(transport: TransportUnderTest): void {
  describe('listeners', () => {
    const cleanup = new Cleanup();
    let directory: string;

    beforeEach(async () => {
      const path = await cleanup.directory();
      directory = path;
    });
    afterEach(() => cleanup.run());

    const call = (address: string) => cleanup.client(openClient({ address })).unary(ECHO, MESSAGE);

    it('tells the port that it was given for port 0', async () => {
      const { listener } = cleanup.listener(await openListener(transport, { address: '127.0.0.1:0' }));
      expect(listener.address).toMatch(/^127\.0\.0\.1:[1-9][0-9]*$/);
      expect(await call(listener.address)).toMatchObject({ code: 0, message: MESSAGE });
    });

    it('listens on a host name', async () => {
      const { listener } = cleanup.listener(await openListener(transport, { address: 'localhost:0' }));
      expect(listener.address).toMatch(/^localhost:[1-9][0-9]*$/);
      expect(await call(listener.address)).toMatchObject({ code: 0, message: MESSAGE });
    });

    it('listens on IPv6, written in brackets', async () => {
      const { listener } = cleanup.listener(await openListener(transport, { address: '[::1]:0' }));
      expect(listener.address).toMatch(/^\[::1\]:[1-9][0-9]*$/);
      expect(await call(listener.address)).toMatchObject({ code: 0, message: MESSAGE });
    });

    it('listens on a Unix socket that owner and group may use, and removes it at the end', async () => {
      const path = join(directory, 's');
      const { listener } = await openListener(transport, { address: `unix:${path}` });
      expect(listener.address).toBe(`unix:${path}`);
      expect((await stat(path)).mode & 0o777).toBe(UNIX_SOCKET_MODE);
      expect(await call(listener.address)).toMatchObject({ code: 0, message: MESSAGE });
      await cleanup.run();
      await listener.drain(1_000);
      expect(existsSync(path)).toBe(false);
    });

    it('gives a Unix socket the permissions that are asked for', async () => {
      const path = join(directory, 's');
      cleanup.listener(await openListener(transport, { address: `unix:${path}`, unixSocketMode: 0o600 }));
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    });

    it('takes the place of a socket that a dead process left', async () => {
      const path = join(directory, 's');
      await leaveStaleSocket(path);
      const { listener } = cleanup.listener(await openListener(transport, { address: `unix:${path}` }));
      expect(await call(listener.address)).toMatchObject({ code: 0, message: MESSAGE });
    });

    it('leaves a socket alone on which somebody listens', async () => {
      const address = `unix:${join(directory, 's')}`;
      cleanup.listener(await openListener(transport, { address }));
      await expect(openListener(transport, { address })).rejects.toMatchObject({
        name: 'ListenError',
        code: 'address-in-use',
      });
      expect(await call(address)).toMatchObject({ code: 0 });
    });

    it('leaves a file alone that is no socket', async () => {
      const path = join(directory, 'file');
      await writeFile(path, 'precious');
      await expect(openListener(transport, { address: `unix:${path}` })).rejects.toMatchObject({
        code: 'not-a-socket',
      });
      expect((await stat(path)).size).toBe('precious'.length);
    });

    it('refuses a Unix socket in a directory that is not there', async () => {
      await expect(openListener(transport, { address: `unix:${directory}/no/s` })).rejects.toMatchObject({
        code: 'address-not-usable',
      });
    });

    it('refuses a port that is taken', async () => {
      const { listener } = cleanup.listener(await openListener(transport));
      await expect(openListener(transport, { address: listener.address })).rejects.toMatchObject({
        name: 'ListenError',
        code: 'address-in-use',
      });
    });

    it.each(['', 'localhost', '127.0.0.1:65536', '::1:9191', '[127.0.0.1]:1', 'unix:', `unix:/${'x'.repeat(107)}`])(
      'refuses %j, which is no address',
      async (address) => {
        await expect(openListener(transport, { address })).rejects.toMatchObject({ code: 'bad-address' });
      },
    );
  });
}
