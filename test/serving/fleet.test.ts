/** Several workers under one primary, as the program runs them. */
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import type { ClientHttp2Session } from 'node:http2';
import { hash, randomUUID } from 'node:crypto';
import { Client, credentials } from '@grpc/grpc-js';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import { afterEach, describe, expect, test } from '@jest/globals';
import { files, jsonLines, portcullisProcess, request, SHOP, start } from '../cli/support.ts';
import { createAuthority } from '../e2e/support/certificates.ts';
import { parsePrometheusText } from '../telemetry/prometheus-text.ts';
import { writeCertificateFiles } from '../transport/support/certificate-files.ts';
import { callHttp2, connectHttp2 } from '../transport/support/http2-client.ts';
import { bytesOf, check, CHECK, HEALTH, Service, SERVING, statusOf, TIMEOUT_MS } from './support.ts';

const ENDED = 'a process that answers checks has ended, and is replaced';
const REPLACED = 'a process that answers checks has taken the place of one that ended';
const ALLOWED = bytesOf(request());
const POSTED = bytesOf(request({ method: 'POST' }));

const sessions: ClientHttp2Session[] = [];
afterEach(() => {
  for (const session of sessions.splice(0)) session.destroy();
});

async function connections(address: string, count: number): Promise<ClientHttp2Session[]> {
  const opened: ClientHttp2Session[] = [];
  // One after the other, as each is dealt to whoever has least.
  for (let i = 0; i < count; i++) {
    const session = await connectHttp2(address);
    session.on('error', () => undefined);
    opened.push(session);
  }
  sessions.push(...opened);
  return opened;
}

/** null: no answer. */
async function ask(session: ClientHttp2Session, message: Uint8Array): Promise<number | null> {
  if (session.destroyed || session.closed) return null;
  const { grpcStatus, body } = await callHttp2(session, CHECK, message);
  return grpcStatus === 0 ? statusOf(body.subarray(5)) : null;
}

async function statuses(all: readonly ClientHttp2Session[], message: Uint8Array): Promise<(number | null)[]> {
  return Promise.all(all.map((session) => ask(session, message)));
}

function workersOf(service: Service): number[] {
  const { pid } = service.child;
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
}

async function metricsOf(service: Service): Promise<(name: string) => number> {
  const url = /admin (\S+),/.exec(service.stdout)?.[1] ?? '';
  const families = parsePrometheusText(await (await fetch(`${url}/metrics`)).text());
  return (name) => [...(families.get(name)?.samples.values() ?? [])].reduce((sum, value) => sum + value, 0);
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

describe('a service of two workers', () => {
  test(
    'answers on all connections, counts for both, and leaves no process behind',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--workers', '2');
      await service.ready();
      const pids = workersOf(service);
      expect(pids).toHaveLength(2);
      const all = await connections(service.address, 6);
      for (let i = 0; i < 10; i++) expect(await statuses(all, ALLOWED)).toEqual([200, 200, 200, 200, 200, 200]);
      expect(await statuses(all, POSTED)).toEqual([403, 403, 403, 403, 403, 403]);
      const value = await metricsOf(service);
      expect(value('portcullis_checks_total')).toBe(66);
      expect(value('portcullis_connections')).toBe(6);
      expect(value('portcullis_workers')).toBe(2);
      expect(value('portcullis_ready')).toBe(1);
      await service.until(
        'all six are written',
        async () => (await metricsOf(service))('portcullis_decision_log_entries_total') === 6,
      );
      // Each has its own cache: both have decided what both were asked.
      expect(value('portcullis_cache_entries')).toBe(4);
      service.child.kill('SIGTERM');
      expect(await service.exited).toBe(0);
      expect(pids.filter(isRunning)).toEqual([]);
      expect(jsonLines(service.stderr).filter(({ decision }) => decision === 'deny')).toHaveLength(6);
    },
    TIMEOUT_MS,
  );

  test(
    'loses with a worker that is killed only its connections, and has another in its place that decides by the policies of now',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--workers', '2');
      await service.ready();
      const all = await connections(service.address, 6);
      dir.write('shop.yaml', SHOP.replace('methods: [GET]', 'methods: [POST]'));
      await service.until('the change is taken', async () =>
        (await statuses(all, POSTED)).every((each) => each === 200),
      );
      const before = (await metricsOf(service))('portcullis_checks_total');
      const [victim, other] = workersOf(service);
      process.kill(victim!, 'SIGKILL');
      await service.until('its end is heard of', () => service.logged(ENDED).length === 1);
      const left = await statuses(all, POSTED);
      expect(left.filter((status) => status === 200)).toHaveLength(3);
      expect(left.filter((status) => status === null)).toHaveLength(3);

      await service.until('it is replaced', () => service.logged(REPLACED).length === 1);
      expect(workersOf(service)).toHaveLength(2);
      expect(workersOf(service)).toContain(other);
      const [fresh] = await connections(service.address, 1);
      expect(await ask(fresh!, POSTED)).toBe(200);
      expect(await ask(fresh!, ALLOWED)).toBe(403);
      expect((await callHttp2(fresh!, HEALTH, Buffer.of())).body.subarray(5).toString('hex')).toBe(SERVING);
      const value = await metricsOf(service);
      expect(value('portcullis_workers')).toBe(2);
      expect(value('portcullis_workers_replaced_total')).toBe(1);
      // What the dead one had counted a second ago is still there.
      expect(value('portcullis_checks_total')).toBeGreaterThan(before / 2);
      // The next change reaches the new one, too.
      dir.write('shop.yaml', SHOP);
      await service.until('the change is taken', async () => (await ask(fresh!, ALLOWED)) === 200);
    },
    TIMEOUT_MS,
  );

  test(
    'swaps policies in all of them: once one set is in force, no connection is answered by the one before',
    async () => {
      const sets = [SHOP, SHOP.replace('methods: [GET]', 'methods: [POST]')];
      using dir = files({ 'shop.yaml': SHOP, 'config.yaml': 'reload: {debounceMs: 10, pollMs: 50}\n' });
      await using service = new Service(
        '--policies',
        dir.at('shop.yaml'),
        '--config',
        dir.at('config.yaml'),
        '--workers',
        '3',
      );
      await service.ready();
      const all = await connections(service.address, 6);
      let revision = (await service.readyz()).body['revision'];
      for (let round = 1; round <= 6; round++) {
        dir.write('shop.yaml', sets[round % 2]!);
        // Asked all the time: never an error, and always one of the two answers.
        for (;;) {
          for (const status of await statuses(all, ALLOWED)) expect([200, 403]).toContain(status);
          const now = (await service.readyz()).body['revision'];
          if (now === revision) continue;
          revision = now;
          break;
        }
        const expected = round % 2 === 0 ? 200 : 403;
        expect(await statuses(all, ALLOWED)).toEqual(all.map(() => expected));
      }
    },
    TIMEOUT_MS,
  );

  test(
    'keeps the last good set in all of them when the next is broken',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--workers', '2');
      await service.ready();
      const all = await connections(service.address, 4);
      dir.write('shop.yaml', SHOP.replace('action: ALLOW', 'action: ALOW'));
      await service.until('the broken set is refused', async () => (await service.readyz()).body['stale'] === true);
      expect(await statuses(all, ALLOWED)).toEqual([200, 200, 200, 200]);
      expect((await metricsOf(service))('portcullis_policy_stale')).toBe(1);
    },
    TIMEOUT_MS,
  );

  test(
    'takes a DPoP proof once, whichever of them it is shown to',
    async () => {
      const issuer = await generateKeyPair('ES256', { extractable: true });
      const caller = await generateKeyPair('ES256', { extractable: true });
      const jwks = { keys: [{ ...(await exportJWK(issuer.publicKey)), alg: 'ES256', kid: 'k' }] };
      using dir = files({
        'policies.yaml': `apiVersion: portcullis.dev/v1
kind: IdentityProvider
metadata: {name: people, namespace: shop}
spec:
  issuer: https://issuer.example
  jwt: {audiences: [shop], binding: dpop, jwks: '${JSON.stringify(jwks)}'}
---
apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: {name: people, namespace: shop}
spec:
  action: ALLOW
  rules: [{from: [{source: {requestPrincipals: ["https://issuer.example/ann"]}}]}]
`,
      });
      await using service = new Service('--policies', dir.path, '--workers', '2');
      await service.ready();
      const jwk = await exportJWK(caller.publicKey);
      const token = await new SignJWT({ cnf: { jkt: await calculateJwkThumbprint(jwk) } })
        .setProtectedHeader({ alg: 'ES256', kid: 'k' })
        .setIssuer('https://issuer.example')
        .setAudience('shop')
        .setSubject('ann')
        .setIssuedAt()
        .setExpirationTime('5m')
        .sign(issuer.privateKey);
      const proof = await new SignJWT({
        htm: 'GET',
        htu: 'https://shop/orders/1',
        ath: hash('sha256', token, 'base64url'),
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .setIssuedAt()
        .setJti(randomUUID())
        .sign(caller.privateKey);
      const plain = request() as { attributes: { request: { http: Record<string, unknown> } } };
      plain.attributes.request.http['headers'] = { authorization: `DPoP ${token}`, dpop: proof };
      const all = await connections(service.address, 4);
      const answers = await statuses(all, bytesOf(plain));
      expect(answers.sort()).toEqual([200, 401, 401, 401]);
    },
    TIMEOUT_MS,
  );

  test.each(['grpc-js', 'native'])(
    'serves mutual TLS, and Unix sockets (transport %s)',
    async (transport) => {
      const authority = createAuthority('mesh');
      const server = authority.issue({ dnsNames: ['localhost'] });
      const client = authority.issue({ uris: ['spiffe://td/ns/edge/sa/gateway'] });
      using dir = files({ 'policies/shop.yaml': SHOP });
      const tls = await writeCertificateFiles(dir.path, { ...server, clientCa: authority.certificate });
      dir.write('tls.yaml', JSON.stringify({ transport, tls }));
      dir.write('unix.yaml', JSON.stringify({ transport, listen: `unix:${dir.at('s.sock')}` }));
      const args = ['--policies', dir.at('policies'), '--workers', '2', '--config'];
      {
        await using service = new Service(...args, dir.at('tls.yaml'));
        await service.ready();
        const withCertificate = { authority: authority.certificate, certificate: client };
        for (let i = 0; i < 4; i++) {
          const session = await connectHttp2(service.address, withCertificate);
          sessions.push(session);
          expect(await ask(session, ALLOWED)).toBe(200);
        }
        // TLS 1.3 lets a client without a certificate think for a moment that it is connected.
        const nobody = await connectHttp2(service.address, { authority: authority.certificate }).catch(() => null);
        if (nobody !== null) expect(await ask(nobody, ALLOWED)).toBeNull();
        nobody?.destroy();
      }
      const child = start(['serve', '--admin', '', ...args, dir.at('unix.yaml')]);
      try {
        await once(child.stdout, 'data');
        const clients = Array.from(
          { length: 3 },
          () =>
            new Client(`unix:${dir.at('s.sock')}`, credentials.createInsecure(), {
              'grpc.use_local_subchannel_pool': 1,
            }),
        );
        for (const each of clients) expect(await check(each)).toBe(200);
        for (const each of clients) each.close();
        child.kill('SIGTERM');
        await once(child, 'close');
        expect(child.exitCode).toBe(0);
        expect(existsSync(dir.at('s.sock'))).toBe(false);
      } finally {
        child.kill('SIGKILL');
      }
    },
    TIMEOUT_MS,
  );

  test(
    'ends with 2 and says why when its certificate cannot be used',
    async () => {
      using dir = files({ 'shop.yaml': SHOP, 'tls.crt': 'none', 'tls.key': 'none' });
      dir.write('config.json', JSON.stringify({ tls: { certFile: dir.at('tls.crt'), keyFile: dir.at('tls.key') } }));
      const outcome = await portcullisProcess([
        ...['serve', '--policies', dir.at('shop.yaml'), '--config', dir.at('config.json')],
        ...['--admin', '', '--listen', '127.0.0.1:0', '--workers', '2'],
      ]);
      expect(outcome).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('tls.crt') });
    },
    TIMEOUT_MS,
  );

  test(
    'gives no connections to a worker that hangs, ends it, and starts another',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--workers', '2');
      await service.ready();
      const [hanging, other] = workersOf(service);
      process.kill(hanging!, 'SIGSTOP');
      await service.until('nothing is given to it any more', async () => {
        const [session] = await connections(service.address, 1);
        const answered = ask(session!, ALLOWED);
        const late = new Promise<null>((resolve) => setTimeout(() => resolve(null), 1000).unref());
        const two = await Promise.race([
          Promise.all([answered, connections(service.address, 3).then((more) => statuses(more, ALLOWED))]),
          late,
        ]);
        return two !== null;
      });
      await service.until('it is replaced', () => service.logged(REPLACED).length === 1);
      expect(service.logged('a process that answers checks hangs, and is ended')).toMatchObject([{ pid: hanging }]);
      expect(workersOf(service)).toContain(other);
      expect(workersOf(service)).toHaveLength(2);
    },
    2 * TIMEOUT_MS,
  );

  test(
    'has its calls in flight answered, and ends, when its primary is killed',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--workers', '2');
      await service.ready();
      const pids = workersOf(service);
      await connections(service.address, 2);
      service.child.kill('SIGKILL');
      await service.until('they have ended', () => pids.filter(isRunning).length === 0);
      expect(pids).toHaveLength(2);
    },
    TIMEOUT_MS,
  );

  test(
    'ends with 2 and says why when its address is in use',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      await using service = new Service('--policies', dir.path, '--workers', '2');
      await service.ready();
      const again = await portcullisProcess([
        ...['serve', '--policies', dir.path, '--admin', '', '--listen', service.address, '--workers', '2'],
      ]);
      expect(again).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining(service.address) });
    },
    TIMEOUT_MS,
  );
});
