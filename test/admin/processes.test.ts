/** The admin API of the program as people run it. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { files, request, SHOP } from '../cli/support.ts';
import { check, Service, TIMEOUT_MS } from '../serving/support.ts';
import { ask, get, post } from './support/client.ts';

const TOKEN = '0123456789abcdef0123456789abcdef';

function addressOf(service: Service): string {
  return new URL(/admin (\S+),/.exec(service.stdout)?.[1] ?? '').host;
}

function workersOf(service: Service): number[] {
  const { pid } = service.child;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

interface Status {
  readonly processes: { readonly asked: number; readonly answered: number };
}

describe('the admin API', () => {
  test(
    'leaves out a process that does not answer, and says so',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--workers', '2');
      await service.ready();
      const address = addressOf(service);
      expect((await get<Status>(address, '/api/v1/status')).processes).toMatchObject({ asked: 2, answered: 2 });
      const [hanging] = workersOf(service);
      process.kill(hanging!, 'SIGSTOP');
      try {
        // All at once: after ten seconds it would be ended, and replaced.
        const answers = await Promise.all(
          ['status', 'decisions', 'traffic', 'rules'].map((path) => get<Status>(address, `/api/v1/${path}`)),
        );
        for (const { processes } of answers) expect(processes).toMatchObject({ asked: 2, answered: 1 });
      } finally {
        if (workersOf(service).includes(hanging!)) process.kill(hanging!, 'SIGCONT');
      }
    },
    TIMEOUT_MS,
  );

  test(
    'reads the policies and changes the log where it may, for those who have the token',
    async () => {
      using dir = files({ 'policies/shop.yaml': SHOP });
      const config = join(dir.path, 'portcullis.yaml');
      writeFileSync(join(dir.path, 'token'), TOKEN);
      // What changes is read when the API is told to.
      writeFileSync(config, 'admin: {tokenFile: token, actions: true}\nreload: {pollMs: 0, debounceMs: 60000}\n');
      await using service = new Service('--config', config, '--policies', join(dir.path, 'policies'), '--workers', '1');
      await service.ready();
      const address = addressOf(service);
      expect((await ask(address, '/api/v1/status')).status).toBe(401);
      const headers = { authorization: `Bearer ${TOKEN}` };
      const act = async (action: string, body: unknown) =>
        JSON.parse((await ask(address, `/api/v1/actions/${action}`, { method: 'POST', body, headers })).body) as object;

      expect(await check(service.client, request({ method: 'POST' }))).toBe(403);
      dir.write('policies/shop.yaml', SHOP.replace('methods: [GET]', 'methods: [POST]'));
      expect(await act('reload', {})).toMatchObject({ outcome: 'taken', errors: 0 });
      expect(await check(service.client, request({ method: 'POST' }))).toBe(200);
      dir.write('policies/shop.yaml', 'kind: Nonsense');
      expect(await act('reload', {})).toMatchObject({ outcome: 'refused' });
      expect(await check(service.client, request({ method: 'POST' }))).toBe(200);

      expect(await act('log-level', { level: 'silent' })).toEqual({ level: 'silent' });
      await service.until(
        'the log says so for the last time',
        () => service.logged('the level of the log is changed by the admin API').length === 1,
      );
    },
    TIMEOUT_MS,
  );

  test(
    'does not start where others reach it and nobody has to say who they are',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--admin', '0.0.0.0:0');
      expect(await service.exited).toBe(2);
      expect(service.stderr).toContain('admin-not-loopback');
    },
    TIMEOUT_MS,
  );

  test(
    'explains what was posted to the very program',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--workers', '1');
      await service.ready();
      const { explanation } = await post<{ explanation: { decision: string } }>(
        addressOf(service),
        '/api/v1/explain',
        request(),
      );
      expect(explanation.decision).toBe('allow');
    },
    TIMEOUT_MS,
  );
});
