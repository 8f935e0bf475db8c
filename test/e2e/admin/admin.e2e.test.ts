/** The admin API of a real service behind the real Envoy: what was denied there is found, explained, and tells no secrets. */
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { ask, get, post } from '../../admin/support/client.ts';
import { DESCRIPTION } from '../../admin/support/openapi.ts';
import { sendHttp1, type HttpResponse } from '../support/http1-client.ts';
import type { HeaderLine } from '../support/headers.ts';
import { accessPolicy, documents, yamlOf } from '../support/policies.ts';
import { createTokenIssuer } from '../support/tokens.ts';
import { waitUntil } from '../support/wait.ts';
import { startWorld, type World } from '../support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(60_000);

const ISSUER = 'https://login.example.com';
const tokens = createTokenIssuer(ISSUER);
const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }];

const policies = {
  'orders.yaml': documents(
    yamlOf({
      apiVersion: 'portcullis.dev/v1',
      kind: 'IdentityProvider',
      metadata: { name: 'login', namespace: 'shop' },
      spec: { issuer: ISSUER, jwt: { audiences: ['shop'], jwks: tokens.jwks } },
    }),
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        { name: 'reads', to: [{ operation: { methods: ['GET'], paths: ['/orders/{*}'] } }] },
        {
          name: 'eu',
          to: [{ operation: { methods: ['POST'], paths: ['/orders/{*}'] } }],
          when: [{ key: 'request.auth.claims[region]', values: ['eu'] }],
        },
        { name: 'never', to: [{ operation: { paths: ['/never'] } }] },
        {
          name: 'by-header',
          to: [{ operation: { paths: ['/header'] } }],
          when: [{ key: 'request.headers[x-session-token]', values: ['what-the-policy-wants'] }],
        },
      ],
    }),
  ),
};

const SECRETS: readonly HeaderLine[] = [
  ['cookie', 'session=secret-of-a-cookie'],
  ['x-session-token', 'secret-of-a-header'],
  ['x-api-key', 'secret-of-a-key'],
];

interface Decision {
  readonly id: string;
  readonly decision: string;
  readonly reason: string;
  readonly path: string;
  readonly requestPrincipal: string | null;
}

interface Explained {
  readonly decided: Decision;
  readonly policiesOfDecision: boolean;
  readonly explanation: {
    readonly decision: string;
    readonly reason: string;
    readonly unverifiedProof: boolean;
    readonly policies: readonly {
      readonly rules: readonly { readonly rule: string; readonly firstFailed: { readonly actual: string } | null }[];
    }[];
  };
}

let world: World<'one' | 'two'>;

beforeAll(async () => {
  world = await startWorld({
    services: { one: { policies, workers: 1 }, two: { policies, workers: 2 } },
    listeners: (['one', 'two'] as const).map((service) => ({ name: service, service, routes })),
  });
}, 90_000);

afterAll(async () => {
  await world.stop();
});

describe.each(['one', 'two'] as const)('with %s process(es) that answer checks', (name) => {
  const address = (): string => new URL(world.services[name].adminUrl).host;
  const send = (
    path: string,
    options: { readonly method?: string; readonly headers?: readonly HeaderLine[]; readonly host?: string } = {},
  ): Promise<HttpResponse> => sendHttp1(world.envoy.target(name), { path, ...options });

  /** The recorded decision of the request that is marked so. */
  async function recorded(mark: string): Promise<Record<string, unknown>> {
    return waitUntil(
      `the record of ${mark}`,
      () => world.services[name].log().find(({ msg, path }) => msg === 'decision' && String(path).includes(mark)),
      { because: () => world.services[name].output() },
    );
  }

  it('finds a denial by the id that the log and Envoy know it by, and explains it', async () => {
    const mark = `/denied-${name}`;
    expect((await send(`${mark}?key=secret-of-a-query`, { headers: [['x-case', mark], ...SECRETS] })).status).toBe(403);
    const { id } = await recorded(mark);
    const entry = await world.envoy.accessLogOf(mark);
    expect(JSON.stringify(entry)).toContain(String(id));
    const { decisions } = await get<{ decisions: Decision[] }>(address(), '/api/v1/decisions?decision=deny');
    expect(decisions.find((each) => each.id === id)).toMatchObject({ path: `${mark}?key=*` });
    expect(await get(address(), `/api/v1/decisions/${String(id)}`)).toMatchObject({ id, reason: 'no_rule_matched' });
    const explained = await post<Explained>(address(), '/api/v1/explain', { decisionId: id });
    expect(explained).toMatchObject({
      decided: { id, decision: 'deny' },
      policiesOfDecision: true,
      explanation: { decision: 'deny', reason: 'no_rule_matched' },
    });
    expect(explained.explanation.policies[0]!.rules[0]).toMatchObject({ rule: 'reads', firstFailed: { actual: mark } });
  });

  it('explains a denial with the claims that were verified for it, without its token', async () => {
    const mark = `/orders/verified-${name}`;
    const token = tokens.sign({ sub: 'alice', aud: 'shop', region: 'us' });
    const headers: HeaderLine[] = [['authorization', `Bearer ${token}`]];
    expect((await send(mark, { method: 'POST', headers })).status).toBe(403);
    const { id } = await recorded(mark);
    const { body } = await ask(address(), '/api/v1/explain', { method: 'POST', body: { decisionId: id } });
    const { decided, explanation } = JSON.parse(body) as Explained;
    expect(decided.requestPrincipal).toBe(`${ISSUER}/alice`);
    expect(explanation.unverifiedProof).toBe(false);
    expect(explanation.policies[0]!.rules[1]).toMatchObject({ rule: 'eu', firstFailed: { actual: 'us' } });
    expect(body).not.toContain(token.slice(-20));
  });

  it('tells how often rules decided, which never did, and who was seen', async () => {
    const before = await hits('reads');
    for (const path of ['/orders/1', '/orders/2', '/orders/3']) expect((await send(path)).status).toBe(200);
    expect((await hits('reads')) - before).toBe(3);
    expect(await hits('never')).toBe(0);
    const edge = await waitUntil('they are seen', async () => {
      const { edges } = await get<{ edges: { path: string; rule: string | null }[] }>(address(), '/api/v1/traffic');
      return edges.find(({ rule }) => rule === 'reads');
    });
    expect(edge.path).toBe('/orders/{*}');
    const { processes } = await get<{ processes: object }>(address(), '/api/v1/status');
    const count = name === 'one' ? 1 : 2;
    expect(processes).toMatchObject({ serving: count, asked: count, answered: count });
  });

  async function hits(rule: string): Promise<number> {
    const { rules } = await get<{ rules: { name: string; hits: number }[] }>(address(), '/api/v1/rules');
    return rules.find((each) => each.name === rule)!.hits;
  }

  it('tells no secret of a request in any answer', async () => {
    const mark = `/secret-${name}`;
    const headers: HeaderLine[] = [['authorization', 'Bearer secret-of-a-token'], ...SECRETS];
    await send(`${mark}?key=secret-of-a-query`, { headers, host: 'user:secret-of-a-host@shop.example' });
    await send(`/header?key=secret-of-a-query;a=secret-of-a-parameter&m=${mark.slice(1)}`, { headers: SECRETS });
    await recorded(mark);
    const { decisions } = await get<{ decisions: Decision[] }>(address(), '/api/v1/decisions?limit=1000');
    expect(decisions.length).toBeGreaterThan(1);
    const answers: string[] = [];
    for (const path of Object.keys(DESCRIPTION.paths))
      if (!/[{]|explain|actions/.test(path)) answers.push((await ask(address(), path)).body);
    for (const { id } of decisions) {
      answers.push((await ask(address(), `/api/v1/decisions/${id}`)).body);
      answers.push((await ask(address(), '/api/v1/explain', { method: 'POST', body: { decisionId: id } })).body);
    }
    expect(answers.join()).toContain('x-session-token');
    expect(answers.filter((answer) => /secret-of|what-the-policy-wants/.test(answer))).toEqual([]);
  });

  it('answers checks while it is asked more than it can answer', async () => {
    // More connections than it takes are closed at once.
    const statusOf = (path: string): Promise<number | 'closed'> =>
      ask(address(), path).then(
        ({ status }) => status,
        () => 'closed' as const,
      );
    const paths = ['/api/v1/callers', '/api/v1/policies', '/api/v1/traffic', '/api/v1/index'];
    const asked = Array.from({ length: 150 }, (_, i) => statusOf(paths[i % paths.length]!));
    const statuses: number[] = [];
    for (let i = 0; i < 20; i++) statuses.push((await send(`/orders/${i}`)).status);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
    const answered = new Set(await Promise.all(asked));
    expect(answered).toContain(200);
    for (const status of answered) expect([200, 429, 503, 'closed']).toContain(status);
  });
});
