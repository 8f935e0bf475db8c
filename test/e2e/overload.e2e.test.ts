import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { callGrpc } from './support/grpc-client.ts';
import { valuesOf } from './support/headers.ts';
import type { HttpResponse } from './support/http1-client.ts';
import { openHttp2, sendHttp2 } from './support/http2-client.ts';
import { accessPolicy } from './support/policies.ts';
import { waitUntil } from './support/wait.ts';
import { startWorld, type World } from './support/world.ts';
import { openClient } from '../transport/support/grpc-client.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(60_000);

/**
 * Services that take any work in a turn of their event loop for too much: of two new checks that are read in one turn, the
 * second is refused. A burst makes that certain, sooner or later.
 */
const overload = { maxTurnMs: 0 };
const policies = {
  'policies.yaml': accessPolicy({
    name: 'orders',
    rules: [{ name: 'all', to: [{ operation: { paths: ['/kept', '/new/*', '/shop.Orders/*'] } }] }],
  }),
};
// One entry only: Envoy writes maps in any order, and each order is other bytes.
const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop' } }];
const permissive = { failureModeAllow: true };

let world: World<'grpcjs' | 'native' | 'errors'>;

beforeAll(async () => {
  const service = (name: string, failOpen: boolean) => ({
    name: failOpen ? `${name}-open` : name,
    service: name,
    routes,
    ...(failOpen ? { extAuthz: permissive } : {}),
  });
  world = await startWorld({
    services: {
      grpcjs: { policies, config: { overload, transport: 'grpc-js' } },
      native: { policies, config: { overload, transport: 'native' } },
      errors: { policies, config: { overload: { ...overload, errorResponse: true }, transport: 'native' } },
    },
    listeners: ['grpcjs', 'native', 'errors'].flatMap((name) => [service(name, false), service(name, true)]),
  });
}, 90_000);

afterAll(async () => {
  await world.stop();
});

let fresh = 0;

/** Requests at once on one connection, every third of them `/kept`, the others new; answers in order. */
async function burst(listener: string, count = 90): Promise<{ kept: HttpResponse[]; others: HttpResponse[] }> {
  const connection = await openHttp2(world.envoy.target(listener));
  const paths = Array.from({ length: count }, (_, i) => (i % 3 === 0 ? '/kept' : `/new/${String(fresh++)}`));
  const answers = await Promise.all(paths.map((path) => connection.send({ path, headers: [['x-case', path]] })));
  connection.close();
  return { kept: answers.filter((_, i) => i % 3 === 0), others: answers.filter((_, i) => i % 3 !== 0) };
}

/** Bursts until some new request was refused; gives those, and shows that all that is kept was answered. */
async function refusedOf(listener: string): Promise<HttpResponse[]> {
  const target = world.envoy.target(listener);
  // Kept by its bytes from the second time on.
  for (let i = 0; i < 3; i++) expect(await sendHttp2(target, { path: '/kept' })).toMatchObject({ status: 200 });
  const refused: HttpResponse[] = [];
  const wrong: unknown[] = [];
  await waitUntil(
    'a check to be refused',
    async () => {
      const { kept, others } = await burst(listener);
      refused.push(...others.filter(({ status }) => status === 503));
      wrong.push(...kept.filter(({ status }) => status !== 200));
      wrong.push(...others.filter(({ status }) => status !== 200 && status !== 503));
      return refused.length > 0;
    },
    { timeoutMs: 30_000 },
  );
  expect(wrong).toEqual([]);
  return refused;
}

describe.each(['grpcjs', 'native'] as const)('a service with too much to do (%s)', (name) => {
  it.each([name, `${name}-open`])('denies what is new, and answers what is kept (%s)', async (listener) => {
    const passed = world.upstream.seen().filter(({ path }) => path.startsWith('/new/')).length;
    const before = fresh;
    const refused = await refusedOf(listener);
    for (const { headers, body } of refused) {
      expect(valuesOf(headers, 'retry-after')).toEqual(['1']);
      expect(body).toBe('authorization is not available at the moment\n');
    }
    // What was denied got nowhere, also where Envoy may let pass what nobody answers for.
    const nowPassed = world.upstream.seen().filter(({ path }) => path.startsWith('/new/')).length;
    expect(nowPassed - passed).toBe(fresh - before - refused.length);
    expect(await world.envoy.extAuthzCounter(listener, 'error')).toBe(0);
    expect(await world.envoy.extAuthzCounter(listener, 'failure_mode_allowed')).toBe(0);
    expect(await world.envoy.extAuthzCounter(listener, 'denied')).toBeGreaterThanOrEqual(refused.length);
  });

  it('says so in metadata, and decides the same request afterwards', async () => {
    const refused = await waitUntil(
      'a check to be refused',
      async () => {
        const first = fresh;
        const { others } = await burst(name);
        const index = others.findIndex(({ status }) => status === 503);
        return index >= 0 && `/new/${String(first + index)}`;
      },
      { timeoutMs: 30_000 },
    );
    expect((await world.envoy.accessLogOf(refused)).metadata).toMatchObject({ decision: 'deny', reason: 'overloaded' });
    expect(await sendHttp2(world.envoy.target(name), { path: refused })).toMatchObject({ status: 200 });
  });

  it('tells that it serves all the while', async () => {
    const client = openClient({ address: world.services[name].address });
    let over = false;
    const health = (async () => {
      const states: unknown[] = [];
      do {
        const { code, message } = await client.unary('/grpc.health.v1.Health/Check', Buffer.alloc(0));
        states.push([code, message?.toString('hex')]);
      } while (!over);
      return states;
    })();
    await refusedOf(name);
    over = true;
    // SERVING.
    for (const state of await health) expect(state).toEqual([0, '0801']);
    client.close();
  });

  it('is UNAVAILABLE to clients that speak gRPC', async () => {
    const target = world.envoy.target(name);
    const codes = new Set<number>();
    await waitUntil('a call to be refused', async () => {
      const calls = Array.from({ length: 40 }, () => callGrpc(target, { path: `/shop.Orders/${String(fresh++)}` }));
      for (const { code } of await Promise.all(calls)) codes.add(code);
      return codes.has(14);
    });
    // Those that pass come to an upstream that knows no such method.
    expect([...codes].filter((code) => code !== 12 && code !== 14)).toEqual([]);
  });
});

describe('with `overload.errorResponse`', () => {
  it('Envoy answers as the service says, and counts an error', async () => {
    for (const { headers, body } of await refusedOf('errors')) {
      expect(valuesOf(headers, 'retry-after')).toEqual(['1']);
      expect(body).toBe('authorization is not available at the moment\n');
    }
    expect(await world.envoy.extAuthzCounter('errors', 'error')).toBeGreaterThan(0);
    expect(await world.envoy.extAuthzCounter('errors', 'denied')).toBe(0);
  });

  it('Envoy lets requests in, unchecked, where its failure mode says so', async () => {
    const statuses = new Set<number>();
    await waitUntil(
      'a request to pass because of an error',
      async () => {
        const { kept, others } = await burst('errors-open');
        for (const { status } of [...kept, ...others]) statuses.add(status);
        return (await world.envoy.extAuthzCounter('errors-open', 'failure_mode_allowed')) > 0;
      },
      { timeoutMs: 30_000 },
    );
    expect([...statuses]).toEqual([200]);
    // A denial is none, however the service is doing.
    expect(await sendHttp2(world.envoy.target('errors-open'), { path: '/denied' })).toMatchObject({ status: 403 });
  });
});
