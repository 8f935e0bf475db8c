import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { openHttp1, sendHttp1 } from './support/http1-client.ts';
import { openHttp2 } from './support/http2-client.ts';
import { accessPolicy, documents } from './support/policies.ts';
import type { Service } from './support/service.ts';
import { waitUntil } from './support/wait.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** Policies that change while requests come in. */
const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }];

/** `/always` is allowed and `/never` denied in every version; `/new/N` is allowed from version N on. */
function version(number: number): string {
  const paths = Array.from({ length: number + 1 }, (_, index) => `/new/${String(index)}`);
  return documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        { name: 'always', to: [{ operation: { paths: ['/always'] } }] },
        { name: `version-${String(number)}`, to: [{ operation: { paths } }] },
      ],
    }),
    accessPolicy({
      name: 'orders-deny',
      app: 'orders',
      action: 'DENY',
      rules: [{ name: 'never', to: [{ operation: { paths: ['/never'] } }] }],
    }),
  );
}

const BROKEN = [
  'this: is: no: yaml: [',
  'apiVersion: portcullis.dev/v1\nkind: AccessPolicy\nmetadata: {name: a, namespace: shop}\nspec: {nonsense: true}\n',
  'apiVersion: portcullis.dev/v9\nkind: AccessPolicy\nmetadata: {name: a, namespace: shop}\n',
];

let world: World<'files' | 'mounted'>;

beforeAll(async () => {
  const config = { reload: { debounceMs: 50, pollMs: 500 } };
  world = await startWorld({
    services: {
      files: { policies: { 'orders.yaml': version(0) }, config },
      mounted: { policies: { 'orders.yaml': version(0) }, config },
    },
    listeners: [
      { name: 'files', service: 'files', routes },
      { name: 'mounted', service: 'mounted', routes },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

interface Traffic {
  /** Stops it; what was wrong, and how many answers there were. */
  end(): Promise<{ readonly wrong: readonly string[]; readonly answers: number }>;
}

/** Steady requests over HTTP/1.1 and HTTP/2 connections that stay open, half to be allowed, half to be denied. */
async function startTraffic(listener: string): Promise<Traffic> {
  const target = world.envoy.target(listener);
  const connections = await Promise.all([openHttp1(target), openHttp1(target), openHttp2(target)]);
  const wrong: string[] = [];
  let answers = 0;
  let ended = false;
  const loops = connections.map(async (connection) => {
    while (!ended) {
      for (const [path, expected] of [
        ['/always', 200],
        ['/never', 403],
      ] as const) {
        const status = await connection.send({ path }).then((response) => response.status, String);
        answers++;
        if (status !== expected) {
          wrong.push(`${path}: ${String(status)}`);
        }
      }
    }
  });
  return {
    async end() {
      ended = true;
      await Promise.all(loops);
      for (const connection of connections) {
        connection.close();
      }
      return { wrong, answers };
    },
  };
}

async function statusOf(listener: string, path: string): Promise<number> {
  return (await sendHttp1(world.envoy.target(listener), { path })).status;
}

/** Waits until `path` is allowed, and shows that it stays so: an older set never answers after a newer one. */
async function expectInForce(listener: string, path: string): Promise<void> {
  await waitUntil(`${path} to be allowed`, async () => (await statusOf(listener, path)) === 200);
  for (let time = 0; time < 20; time++) {
    expect(await statusOf(listener, path)).toBe(200);
  }
}

/** The ways in which files change: editors, scripts and Kubernetes each have their own. */
const saves: readonly [string, (service: Service, text: string) => Promise<void>][] = [
  ['written in place', (service, text) => writeFile(join(service.policies, 'orders.yaml'), text)],
  ['moved into place', (service, text) => service.writePolicies({ 'orders.yaml': text })],
  [
    'deleted and added again',
    async (service, text) => {
      await rm(join(service.policies, 'orders.yaml'));
      await writeFile(join(service.policies, 'orders.yaml'), text);
    },
  ],
  [
    'moved away and written anew, as vim does',
    async (service, text) => {
      const file = join(service.policies, 'orders.yaml');
      await rename(file, `${file}~`);
      await writeFile(file, text);
      await rm(`${file}~`);
    },
  ],
  [
    'written in pieces',
    async (service, text) => {
      const file = join(service.policies, 'orders.yaml');
      await writeFile(file, text.slice(0, text.length / 2));
      await sleep(20);
      await writeFile(file, text);
    },
  ],
  [
    'in a directory that is new',
    async (service, text) => {
      await mkdir(join(service.policies, 'more'), { recursive: true });
      await rename(join(service.policies, 'orders.yaml'), join(service.policies, 'more', 'orders.yaml'));
      await writeFile(join(service.policies, 'more', 'orders.yaml'), text);
    },
  ],
];

it('the revision is the same on every replica that has the same policies', async () => {
  const { revision } = await world.services.files.readiness();
  expect(revision).toEqual(expect.any(String));
  expect(await world.services.mounted.readiness()).toMatchObject({ revision });
});

it('a rule counts from the beginning of its window to its end, in kept decisions too', async () => {
  const fromMs = Date.now() + 4_000;
  const untilMs = fromMs + 3_000;
  const valid = { from: new Date(fromMs).toISOString(), until: new Date(untilMs).toISOString() };
  const rules = [{ name: 'window', to: [{ operation: { paths: ['/window'] } }], valid }];
  const text = accessPolicy({ name: 'window', app: 'orders', rules });
  const { revision } = await world.services.files.readiness();
  await world.services.files.writePolicies({ 'window.yaml': text });
  await waitUntil(
    'the rule to be in force',
    async () => (await world.services.files.readiness()).revision !== revision,
  );
  const connection = await openHttp1(world.envoy.target('files'));
  const seen = { before: new Set<number>(), inside: new Set<number>(), after: new Set<number>() };
  while (Date.now() < untilMs + 1_000) {
    const sentMs = Date.now();
    const { status } = await connection.send({ path: '/window' });
    const answeredMs = Date.now();
    // An answer that was under way at an edge may be either.
    if (answeredMs < fromMs) {
      seen.before.add(status);
    } else if (sentMs > fromMs && answeredMs < untilMs) {
      seen.inside.add(status);
    } else if (sentMs > untilMs) {
      seen.after.add(status);
    }
  }
  connection.close();
  expect(seen).toEqual({ before: new Set([403]), inside: new Set([200]), after: new Set([403]) });
}, 30_000);

describe('under steady traffic', () => {
  it('every way of saving takes effect, and no answer is wrong or fails', async () => {
    const traffic = await startTraffic('files');
    for (const [index, [, save]] of saves.entries()) {
      expect(await statusOf('files', `/new/${String(index + 1)}`)).toBe(403);
      await save(world.services.files, version(index + 1));
      await expectInForce('files', `/new/${String(index + 1)}`);
    }
    const { wrong, answers } = await traffic.end();
    expect(wrong).toEqual([]);
    // Without traffic that deserves the name the test would show nothing.
    expect(answers).toBeGreaterThan(100);
  }, 60_000);

  it('a broken file changes no answer, is told, and is forgotten when it is mended', async () => {
    const { files } = world.services;
    const file = join(files.policies, 'broken.yaml');
    const { revision } = await files.readiness();
    const traffic = await startTraffic('files');
    for (const text of BROKEN) {
      const told = JSON.stringify((await files.readiness()).problems);
      await writeFile(file, text);
      const readiness = await waitUntil('the service to tell what is wrong', async () => {
        const now = await files.readiness();
        return now.stale && JSON.stringify(now.problems) !== told && now;
      });
      expect(readiness.problems.map(({ place }) => place).join()).toContain('broken.yaml');
      // Ready all the same: the last good set is in force.
      expect(await files.admin('/readyz')).toMatchObject({ status: 200 });
      expect(readiness).toMatchObject({ ready: true, revision });
      await sleep(100);
    }
    expect(JSON.stringify(files.log())).toContain('broken.yaml');
    await writeFile(
      file,
      accessPolicy({
        name: 'mended',
        app: 'orders',
        rules: [{ name: 'm', to: [{ operation: { paths: ['/mended'] } }] }],
      }),
    );
    await expectInForce('files', '/mended');
    expect(await files.readiness()).toMatchObject({ ready: true, stale: false, problems: [] });
    const { wrong, answers } = await traffic.end();
    expect(wrong).toEqual([]);
    expect(answers).toBeGreaterThan(100);
  }, 60_000);

  it('policies that are gone altogether change no answer either', async () => {
    const { files } = world.services;
    const traffic = await startTraffic('files');
    await rename(files.policies, `${files.policies}-away`);
    await waitUntil('the service to say that it is stale', async () => (await files.readiness()).stale);
    expect(await statusOf('files', '/always')).toBe(200);
    expect(await statusOf('files', '/never')).toBe(403);
    await rename(`${files.policies}-away`, files.policies);
    await waitUntil('the service to be current again', async () => !(await files.readiness()).stale);
    expect((await traffic.end()).wrong).toEqual([]);
  }, 60_000);

  it("Kubernetes' swap of the ..data link takes effect at once for all files", async () => {
    const { mounted } = world.services;
    const mount = mounted.policies;
    const volume = async (number: number): Promise<void> => {
      const name = `..2026_01_01_00_00_0${String(number)}`;
      await mkdir(join(mount, name));
      await writeFile(join(mount, name, 'orders.yaml'), version(number));
      await symlink(name, join(mount, '..data_tmp'));
      await rename(join(mount, '..data_tmp'), join(mount, '..data'));
    };
    await volume(1);
    await symlink(join('..data', 'orders.yaml'), join(mount, 'link.yaml'));
    await rename(join(mount, 'link.yaml'), join(mount, 'orders.yaml'));
    await expectInForce('mounted', '/new/1');
    const traffic = await startTraffic('mounted');
    for (const number of [2, 3, 4]) {
      await volume(number);
      await expectInForce('mounted', `/new/${String(number)}`);
      await rm(join(mount, `..2026_01_01_00_00_0${String(number - 1)}`), { recursive: true });
    }
    expect((await traffic.end()).wrong).toEqual([]);
  }, 60_000);
});
