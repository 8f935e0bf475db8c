import { Client, credentials } from '@grpc/grpc-js';
import { once } from 'node:events';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { files, jsonLines, portcullisProcess, request, SHOP } from './cli/support.ts';
import { call, check, freePort, HEALTH, NOT_SERVING, Service, SERVING, TIMEOUT_MS } from './serving/support.ts';

const BROKEN = SHOP.replace('action: ALLOW', 'action: ALOW');

describe('serve', () => {
  test.each(['grpc-js', 'native'])(
    'prints one line when it is ready, answers, and leaves with 0 on SIGTERM (transport %s)',
    async (transport) => {
      using dir = files({ 'shop.yaml': SHOP, 'portcullis.conf': `transport: ${transport}\n` });
      await using service = new Service('--config', join(dir.path, 'portcullis.conf'), '--policies', dir.path);
      await service.ready();
      expect(service.stdout).toMatch(
        /^portcullis is ready: grpc 127\.0\.0\.1:\d+, admin http:\/\/127\.0\.0\.1:\d+, 2 policies, revision [0-9a-f]{16}\n$/,
      );
      expect(await check(service.client)).toBe(200);
      expect(await check(service.client, request({ method: 'DELETE' }))).toBe(403);
      expect((await call(service.client, HEALTH, Buffer.of())).toString('hex')).toBe(SERVING);
      service.child.kill('SIGTERM');
      expect(await service.exited).toBe(0);
      expect(service.logged('stopped')).toHaveLength(1);
      // Checks are counted and denials logged.
      expect(jsonLines(service.stderr).filter(({ decision }) => decision === 'deny')).toHaveLength(1);
    },
    TIMEOUT_MS,
  );

  test(
    'with a broken set it denies every check, says why, and becomes ready when the set is mended',
    async () => {
      using dir = files({ 'shop.yaml': BROKEN });
      const port = await freePort();
      await using service = new Service('--policies', dir.path, '--listen', `127.0.0.1:${port}`);
      await service.until(
        'it refused the set',
        () => service.logged('policies refused: every check is denied until they are mended').length > 0,
      );
      expect(service.stdout).toBe('');
      expect(service.logged('policy error')).toMatchObject([
        {
          place: `${dir.at('shop.yaml')}:6:11`,
          code: 'unknown-value',
          problem: 'unknown value `ALOW`',
          hint: 'did you mean `ALLOW`?',
        },
      ]);
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      try {
        expect(await check(client)).toBe(503);
        expect(await check(client, request({ method: 'DELETE' }))).toBe(503);
        expect((await call(client, HEALTH, Buffer.of())).toString('hex')).toBe(NOT_SERVING);
        dir.write('shop.yaml', SHOP);
        await service.ready();
        expect(await check(client)).toBe(200);
        expect((await call(client, HEALTH, Buffer.of())).toString('hex')).toBe(SERVING);
      } finally {
        client.close();
      }
    },
    TIMEOUT_MS,
  );

  test(
    'takes a change, keeps the last good set when the next is broken, and reloads at once on SIGHUP',
    async () => {
      using dir = files({ 'shop.yaml': SHOP, 'portcullis.yaml': 'reload: {pollMs: 0}\n' });
      await using service = new Service('--policies', dir.at('shop.yaml'), '--config', dir.at('portcullis.yaml'));
      await service.ready();
      const post = request({ method: 'POST' });
      expect(await check(service.client, post)).toBe(403);
      dir.write('shop.yaml', SHOP.replace('methods: [GET]', 'methods: [POST]'));
      await service.until('the change is taken', async () => (await check(service.client, post)) === 200);
      expect(await check(service.client)).toBe(403);

      dir.write('shop.yaml', BROKEN);
      await service.until('the broken set is refused', async () => (await service.readyz()).body['stale'] === true);
      expect(await service.readyz()).toMatchObject({ status: 200, body: { ready: true, stale: true, errors: 1 } });
      expect(await check(service.client, post)).toBe(200);

      const before = service.logged('policies refused: the last good ones stay in force').length;
      service.child.kill('SIGHUP');
      await service.until(
        'it was read again',
        () => service.logged('policies refused: the last good ones stay in force').length > before,
      );
      expect(service.stdout.split('\n')).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  test(
    'with --state a start on broken policies serves the last good ones, and says so until there are new ones',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      const args = ['--policies', dir.at('shop.yaml'), '--state', dir.at('state')];
      let revision: unknown;
      {
        await using first = new Service(...args);
        await first.ready();
        revision = (await first.readyz()).body['revision'];
        await first.until('it is kept', () => existsSync(dir.at('state/last-good-policies.bin')));
      }
      dir.write('shop.yaml', BROKEN);
      await using second = new Service(...args);
      await second.ready();
      expect(await second.readyz()).toMatchObject({
        status: 200,
        body: { ready: true, stale: true, restored: true, revision, errors: 1 },
      });
      expect(await check(second.client)).toBe(200);
      expect(await check(second.client, request({ method: 'POST' }))).toBe(403);
      expect(
        second.logged('policies of an earlier run are in force: the files have not been good since the start'),
      ).toHaveLength(1);
      dir.write('shop.yaml', SHOP.replace('methods: [GET]', 'methods: [POST]'));
      await second.until('the change is taken', async () => (await second.readyz()).body['restored'] === false);
      expect(await check(second.client)).toBe(403);
    },
    TIMEOUT_MS,
  );

  test(
    'a path that vanishes keeps the last good set',
    async () => {
      using dir = files({ 'policies/shop.yaml': SHOP });
      await using service = new Service('--policies', dir.at('policies'));
      await service.ready();
      rmSync(dir.at('policies'), { recursive: true });
      await service.until('it was logged', () => service.logged('policy error').length > 0);
      expect(service.logged('policy error')).toMatchObject([{ code: 'missing-path' }]);
      expect(await service.readyz()).toMatchObject({ status: 200, body: { stale: true } });
      expect(await check(service.client)).toBe(200);
    },
    TIMEOUT_MS,
  );

  test(
    'an address in use ends it with 2 and says which',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path);
      await service.ready();
      const listen = ['serve', '--policies', dir.path, '--admin', '', '--listen', service.address];
      expect(await portcullisProcess(listen)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining(service.address),
      });
      const admin = /admin http:\/\/(\S+),/.exec(service.stdout)?.[1] ?? '';
      const other = ['serve', '--policies', dir.path, '--listen', '127.0.0.1:0', '--admin', admin];
      expect(await portcullisProcess(other)).toMatchObject({
        code: 2,
        stdout: '',
        stderr: expect.stringContaining(admin),
      });
    },
    TIMEOUT_MS,
  );

  test.each(['1', '2'])(
    'tells on its management listener what it has and how it is, and decides nothing there (workers %s)',
    async (workers) => {
      using dir = files({ 'shop.yaml': SHOP });
      const port = await freePort();
      dir.write('config.json', JSON.stringify({ management: `127.0.0.1:${port}` }));
      const config = ['--config', dir.at('config.json'), '--workers', workers];
      await using service = new Service('--policies', dir.at('shop.yaml'), ...config);
      await service.ready();
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      try {
        expect((await call(client, HEALTH, Buffer.of())).toString('hex')).toBe(SERVING);
        const asIs = (bytes: Buffer): Buffer => bytes;
        const reflection = client.makeBidiStreamRequest(
          '/grpc.reflection.v1.ServerReflection/ServerReflectionInfo',
          asIs,
          asIs,
        );
        reflection.on('error', () => undefined);
        // ServerReflectionRequest { list_services: "" }
        reflection.write(Buffer.of(0x3a, 0x00));
        const [listed] = (await once(reflection, 'data')) as [Buffer];
        reflection.cancel();
        expect(listed.toString('latin1')).toContain('envoy.service.auth.v3.Authorization');
        await expect(check(client)).rejects.toThrow('UNIMPLEMENTED');
      } finally {
        client.close();
      }
    },
    TIMEOUT_MS,
  );

  test(
    'SIGTERM ends it with 0 while it is still reading its policies',
    async () => {
      const many = Array.from({ length: 2000 }, (_, index) => SHOP.replaceAll('name: ', `name: n${index}-`));
      using dir = files({ 'shop.yaml': many.join('\n---\n') });
      const port = await freePort();
      await using service = new Service('--policies', dir.path, '--listen', `127.0.0.1:${port}`);
      const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
      try {
        await service.until('it listens', () =>
          call(client, HEALTH, Buffer.of()).then(
            () => true,
            () => false,
          ),
        );
      } finally {
        client.close();
      }
      service.child.kill('SIGTERM');
      expect(await service.exited).toBe(0);
      expect(service.logged('stopped')).toHaveLength(1);
      expect(service.logged('policies refused: every check is denied until they are mended')).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    'the second signal does not wait for the first',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path);
      await service.ready();
      // An open stream: a drain would wait for its client to leave.
      const watch = service.client.makeServerStreamRequest(
        '/grpc.health.v1.Health/Watch',
        (bytes: Buffer) => bytes,
        (bytes: Buffer) => bytes,
        Buffer.of(),
      );
      watch.on('error', () => undefined);
      await once(watch, 'data');
      service.child.kill('SIGSTOP');
      service.child.kill('SIGTERM');
      service.child.kill('SIGINT');
      service.child.kill('SIGCONT');
      expect(await service.exited).toBe(1);
      watch.cancel();
    },
    TIMEOUT_MS,
  );
});
