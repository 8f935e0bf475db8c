import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { valuesOf, type HeaderLine } from './support/headers.ts';
import { sendHttp1, type HttpResponse } from './support/http1-client.ts';
import { accessPolicy, anything, documents, workloadRoutes } from './support/policies.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** What the client of a denied request gets, and what Envoy's access log gets of every decision. */
const deny = (name: string, respond: Record<string, unknown>) => ({
  name,
  to: [{ operation: { paths: [`/orders/${name}`] } }],
  respond: { deny: respond },
});

const policies = {
  'answers.yaml': documents(
    accessPolicy({ name: 'orders', app: 'orders', rules: [anything('all')] }),
    accessPolicy({
      name: 'orders-deny',
      app: 'orders',
      action: 'DENY',
      rules: [
        deny('gone', {
          status: 410,
          body: '{"path":"${request.headers[x-in]}","rule":"${decision.rule}"}',
          headers: { 'content-type': 'application/json', 'x-why': '${decision.reason}', 'cache-control': 'no-store' },
        }),
        deny('slow-down', { status: 429, headers: { 'retry-after': '60' } }),
        deny('teapot', { status: 418, body: 'short and stout' }),
        deny('limit-500', { status: 599 }),
        { name: 'plain', to: [{ operation: { paths: ['/orders/plain'] } }] },
      ],
    }),
    accessPolicy({
      name: 'shadow',
      app: 'orders',
      action: 'DENY',
      rules: [{ name: 'would-deny', to: [{ operation: { paths: ['/orders/shadowed'] } }] }],
      spec: { mode: 'Shadow' },
    }),
    accessPolicy({
      name: 'closed',
      app: 'closed',
      rules: [{ name: 'get', to: [{ operation: { methods: ['DELETE'] } }] }],
    }),
  ),
};

const routes = workloadRoutes('shop', ['orders', 'closed', 'nowhere']);

let world: World<'plain' | 'configured'>;

beforeAll(async () => {
  world = await startWorld({
    services: {
      plain: { policies },
      configured: {
        policies,
        config: {
          responses: {
            forbidden: { status: 404, body: 'no such page', headers: { 'x-from': 'mesh' } },
            malformed: { status: 422, body: 'please repeat' },
          },
        },
      },
    },
    listeners: [
      { name: 'plain', service: 'plain', routes },
      { name: 'configured', service: 'configured', routes, http: { normalizePath: false } },
    ],
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

function send(path: string, headers: readonly HeaderLine[] = [], listener = 'plain'): Promise<HttpResponse> {
  return sendHttp1(world.envoy.target(listener), { path, headers });
}

describe('a denial', () => {
  it('has the status, body and headers that its rule gives', async () => {
    const response = await send('/orders/gone', [['x-in', '"}<script>\\']]);
    expect(response.status).toBe(410);
    expect(JSON.parse(response.body)).toEqual({ path: '"}<script>\\', rule: 'gone' });
    expect(response.body).not.toContain('<script>');
    expect(valuesOf(response.headers, 'content-type')).toEqual(['application/json']);
    expect(valuesOf(response.headers, 'x-why')).toEqual(['deny_rule']);
    expect(valuesOf(response.headers, 'cache-control')).toEqual(['no-store']);
  });

  it.each([
    ['slow-down', 429],
    ['teapot', 418],
    ['limit-500', 599],
  ])('of rule %s has status %i', async (rule, status) => {
    expect(await send(`/orders/${rule}`)).toMatchObject({ status });
  });

  it('that no rule words tells neither policy nor rule, and is the same for all', async () => {
    const denials = [await send('/orders/plain'), await send('/closed/'), await send('/closed/other')];
    expect(denials.map(({ status }) => status)).toEqual([403, 403, 403]);
    expect(new Set(denials.map(({ body }) => body)).size).toBe(1);
    for (const { body, headers } of denials) {
      expect(`${body} ${JSON.stringify(headers)}`).not.toMatch(/orders|closed|rule|policy|shop/);
    }
  });

  it('is worded by the configuration where no rule does', async () => {
    const denied = await send('/closed/', [], 'configured');
    expect(denied).toMatchObject({ status: 404, body: 'no such page' });
    expect(valuesOf(denied.headers, 'x-from')).toEqual(['mesh']);
    expect(await send('/orders/a/../b', [], 'configured')).toMatchObject({ status: 422, body: 'please repeat' });
    expect(await send('/orders/teapot', [], 'configured')).toMatchObject({ status: 418 });
  });
});

describe("envoy's access log", () => {
  const logged = async (name: string, path: string, listener = 'plain') => {
    await send(path, [['x-case', name]], listener);
    return world.envoy.accessLogOf(name);
  };

  it('tells of an allowed request which rule let it in', async () => {
    const { revision } = await world.services.plain.readiness();
    expect(await logged('log-allow', '/orders/x')).toMatchObject({
      status: 200,
      details: 'via_upstream',
      metadata: { decision: 'allow', policy: 'shop/orders', rule: 'all', reason: 'allow_rule', revision },
    });
  });

  it('tells of a denied one which rule denied it', async () => {
    expect(await logged('log-deny', '/orders/plain')).toMatchObject({
      status: 403,
      details: 'ext_authz_denied',
      metadata: { decision: 'deny', policy: 'shop/orders-deny', rule: 'plain', reason: 'deny_rule' },
    });
  });

  it('tells why when no rule did', async () => {
    expect(await logged('log-none', '/closed/')).toMatchObject({
      status: 403,
      metadata: { decision: 'deny', reason: 'no_rule_matched' },
    });
    expect(await logged('log-malformed', '/orders/a/../b', 'configured')).toMatchObject({
      status: 422,
      metadata: { decision: 'deny', reason: 'malformed_path' },
    });
  });

  it('tells what a shadow policy would have decided', async () => {
    const { status, metadata } = await logged('log-shadow', '/orders/shadowed');
    expect(status).toBe(200);
    expect(metadata).toMatchObject({ decision: 'allow', rule: 'all' });
    expect(JSON.stringify(metadata)).toMatch(/would-deny/);
  });

  it('has an id of its own for each decision, kept ones too, and the service logs it', async () => {
    const ids = [];
    for (const name of ['log-id-1', 'log-id-2', 'log-id-3']) {
      ids.push((await logged(name, '/orders/plain')).metadata?.['decision_id']);
    }
    expect(new Set(ids).size).toBe(3);
    expect(ids).toEqual([expect.any(String), expect.any(String), expect.any(String)]);
    const log = JSON.stringify(world.services.plain.log());
    for (const id of ids) {
      expect(log).toContain(String(id));
    }
  });
});

describe('the metrics of the service', () => {
  const count = async (series: string): Promise<number> => {
    const { body } = await world.services.plain.admin('/metrics');
    const line = body.split('\n').find((candidate) => candidate.startsWith(`${series} `));
    return Number(line?.split(' ')[1] ?? 0);
  };

  it('count every check by decision and reason, and tell the revision', async () => {
    const allowed = 'portcullis_checks_total{decision="allow",reason="allow_rule"}';
    const denied = 'portcullis_checks_total{decision="deny",reason="deny_rule"}';
    const before = [await count(allowed), await count(denied)];
    for (let time = 0; time < 5; time++) {
      await send('/orders/counted');
      await send('/orders/plain');
    }
    expect([await count(allowed), await count(denied)]).toEqual(before.map((value) => value + 5));
    const { revision } = await world.services.plain.readiness();
    expect((await world.services.plain.admin('/metrics')).body).toContain(`revision="${String(revision)}"`);
  });
});
