/** What the admin API tells, and what it does not; each answer is held against src/admin/openapi.yaml by the client. */
import { afterAll, afterEach, describe, expect, it, jest } from '@jest/globals';
import { apiRoutes } from '../../src/admin/routes/api.ts';
import type { ApiSources } from '../../src/admin/api.ts';
import { checkRequest, snapshotOf } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from '../extauthz/support/yaml.ts';
import { ask, get, post } from './support/client.ts';
import { DESCRIPTION } from './support/openapi.ts';
import { adminWorld } from './support/world.ts';
import type { AdminWorld, AdminWorldOptions } from './support/world.ts';

const POLICIES = policiesYaml([
  {
    ...access(
      'ALLOW',
      {
        name: 'web-reads',
        ...source({ principals: ['cluster.local/ns/shop/sa/web'] }),
        ...operation({ methods: ['GET'], paths: ['/orders/{*}'] }),
      },
      { name: 'never', ...operation({ paths: ['/never'] }) },
      {
        name: 'by-header',
        ...operation({ paths: ['/header'] }),
        ...when('request.headers[x-api-token]', ['sesame']),
        condition: "request.method == 'GET'",
        valid: { from: '2026-01-01T00:00:00Z' },
      },
    ),
    name: 'orders',
  },
  { ...access('DENY', { name: 'no-delete', ...operation({ methods: ['DELETE'] }) }), name: 'limits' },
  { ...istio('ALLOW', source({ notNamespaces: ['edge'], requestPrincipals: ['*'] })), name: 'istio' },
  { name: 'closed', namespace: 'vault', spec: { action: 'ALLOW' } },
  {
    name: 'shadowed',
    spec: { action: 'DENY', mode: 'Shadow', rules: [{ name: 'would', ...operation({ paths: ['/orders/*'] }) }] },
  },
]);

const SECRETS = {
  authorization: 'Bearer secret-of-a-token',
  cookie: 'session=secret-of-a-cookie',
  'x-api-token': 'secret-of-a-header',
  referer: 'https://shop.example/?q=secret-of-a-referer',
};

// Two cores that run other tests besides can take their time.
jest.setTimeout(60_000);

let shared: AdminWorld | null = null;
afterAll(async () => {
  await shared?.close();
});

/** One that has been asked before: its thread is there already. */
async function used(): Promise<AdminWorld> {
  return (shared ??= await adminWorld({ policies: POLICIES }));
}

/** The id of the decision about a request. */
function decide({ checks }: AdminWorld, ask: Parameters<AdminWorld['checks']['check']>[0]): string {
  checks.check(ask);
  return checks.records.at(-1)!.id;
}

let world: AdminWorld | null = null;
afterEach(async () => {
  const { errors = [] } = world ?? {};
  await world?.close();
  world = null;
  if (errors.length > 0) throw new AggregateError(errors, 'errors of routes');
});

async function start(options: Partial<AdminWorldOptions> = {}): Promise<AdminWorld> {
  world = await adminWorld({ policies: POLICIES, ...options });
  return world;
}

interface Decision {
  readonly id: string;
  readonly decision: string;
  readonly reason: string;
  readonly path: string;
  readonly explainable: boolean;
  readonly policy: string | null;
}

interface DecisionPage {
  readonly decisions: readonly Decision[];
  readonly cursor: string;
  readonly missed: number;
}

interface Explained {
  readonly decided: Decision | null;
  readonly policiesOfDecision: boolean;
  readonly revision: string;
  readonly notes: readonly string[];
  readonly explanation: {
    readonly decision: string;
    readonly reason: string;
    readonly policy: string | null;
    readonly rule: string | null;
    readonly policies: readonly {
      readonly policy: string;
      readonly omittedRules: number;
      readonly rules: readonly {
        readonly rule: string;
        readonly matched: boolean;
        readonly firstFailed: {
          readonly field: string;
          readonly wanted: readonly string[];
          readonly actual: string;
        } | null;
      }[];
    }[];
    readonly truncated: boolean;
  } | null;
}

describe('the description', () => {
  it('has every path and method that is served, and no other', () => {
    const served = [...apiRoutes({} as ApiSources)].flatMap(([path, { get: reads, post: acts }]) => [
      ...(reads === undefined ? [] : [`get ${path}`]),
      ...(acts === undefined ? [] : [`post ${path}`]),
    ]);
    const probes = ['/livez', '/readyz', '/metrics'].map((path) => `get ${path}`);
    const described = Object.entries(DESCRIPTION.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    expect(described.sort()).toEqual([...served, ...probes].sort());
  });

  it('is served as JSON', async () => {
    const { address } = await start();
    expect(await get(address, '/api/v1/openapi.json')).toEqual(DESCRIPTION);
  });

  it('says where no token is wanted', () => {
    const open = [...apiRoutes({} as ApiSources)].filter(([, route]) => route.open === true).map(([path]) => path);
    const described = Object.entries(DESCRIPTION.paths)
      .filter(([path, { get: reads }]) => reads?.security?.length === 1 && path.startsWith('/api/'))
      .map(([path]) => path);
    expect(described).toEqual(open);
  });
});

describe('the state', () => {
  it('is told with what it consists of', async () => {
    const { address } = await start();
    const status = await get(address, '/api/v1/status');
    expect(status).toMatchObject({
      version: '1.2.3',
      readiness: { ready: true, policies: 5, rules: 6, listeners: [{ listener: '10.0.0.1:80' }] },
      sources: { policies: ['policies'], state: null },
      listeners: { grpc: '127.0.0.1:9191', tls: 'none' },
      processes: { serving: 1, asked: 1, answered: 1 },
      admin: { actions: false, token: false, recent: { maxEntries: 500, entries: 0, bytes: 0 } },
    });
  });

  it('is told before there are policies, too', async () => {
    const { address } = await start({ policies: null });
    expect(await get(address, '/api/v1/status')).toMatchObject({ readiness: { ready: false, revision: null } });
    for (const path of ['policies', 'rules', 'callers', 'index'])
      expect((await ask(address, `/api/v1/${path}`)).status).toBe(503);
  });

  it('is counted', async () => {
    const { address, checks } = await start();
    checks.check({ path: '/orders/7' });
    checks.check({ path: '/orders/7' });
    checks.check({ path: '/other' });
    const stats = await get<{
      checks: { reason: string; count: number }[];
      durations: Record<'allow' | 'deny', { count: number; counts: number[] }>;
      boundsSeconds: number[];
      cache: { hits: number; misses: number };
    }>(address, '/api/v1/stats');
    const occurred = stats.checks.filter(({ count }) => count > 0).map(({ reason, count }) => [reason, count]);
    expect(occurred).toEqual([
      ['allow_rule', 2],
      ['token_required', 1],
    ]);
    expect(stats.durations.allow.count).toBe(2);
    expect(stats.durations.deny.count).toBe(1);
    expect(stats.durations.deny.counts).toHaveLength(stats.boundsSeconds.length + 1);
    expect(stats.cache).toMatchObject({ hits: 1, misses: 2 });
    expect(await get(address, '/api/v1/stats/history')).toMatchObject({ intervalSeconds: 10, points: [] });
  });

  it('has the configuration in it', async () => {
    const { address } = await start();
    expect(await get(address, '/api/v1/config')).toMatchObject({
      config: { listen: '127.0.0.1:9191', admin: { address: '127.0.0.1:9192' }, cache: { maxEntries: 100_000 } },
    });
  });
});

interface Rule {
  readonly ordinal: number;
  readonly policy: string;
  readonly name: string | null;
  readonly hits: number;
  readonly shadowHits: number;
  readonly place: string;
  readonly lastHitAt: string | null;
}

describe('policies', () => {
  it('are listed with their rules and how often those decided', async () => {
    const { address, checks } = await start();
    checks.check({ path: '/orders/7' });
    checks.check({ path: '/orders/8' });
    checks.check({ path: '/orders/7', method: 'DELETE' });
    const page = await get<{
      total: number;
      next: string | null;
      policies: {
        policy: string;
        hits: number;
        unusedRules: number;
        ruleCount: number;
        rules: Rule[];
        place: string;
      }[];
    }>(address, '/api/v1/policies');
    expect(
      page.policies.map(({ policy, hits, unusedRules, ruleCount }) => [policy, hits, unusedRules, ruleCount]),
    ).toEqual([
      ['shop/limits', 1, 0, 1],
      ['shop/orders', 2, 2, 3],
      ['shop/shadowed', 0, 1, 1],
      ['vault/closed', 0, 0, 0],
      ['shop/istio', 0, 1, 1],
    ]);
    expect(page).toMatchObject({ total: 5, next: null });
    const orders = page.policies[1]!;
    expect(orders.place).toMatch(/^policies\.yaml:\d+:\d+$/);
    expect(orders.rules.map(({ name, hits }) => [name, hits])).toEqual([
      ['web-reads', 2],
      ['never', 0],
      ['by-header', 0],
    ]);
    expect(orders.rules[0]!.lastHitAt).toBe(new Date(checks.nowMs).toISOString());
    expect(orders.rules[1]!.lastHitAt).toBeNull();
  });

  it('with rules that never decided are found', async () => {
    const { address, checks } = await start();
    checks.check({ path: '/orders/7' });
    const { policies } = await get<{ policies: { policy: string }[] }>(address, '/api/v1/policies?unused=true');
    expect(policies.map(({ policy }) => policy)).toEqual(['shop/limits', 'shop/orders', 'shop/shadowed', 'shop/istio']);
    const unused = await get<{ rules: Rule[] }>(address, '/api/v1/rules?unused=true&policy=shop/orders');
    expect(unused.rules.map(({ name }) => name)).toEqual(['never', 'by-header']);
    const used = await get<{ rules: Rule[] }>(address, '/api/v1/rules?unused=false');
    expect(used.rules.map(({ name }) => name)).toEqual(['web-reads']);
  });

  it('come page by page, each rule once', async () => {
    const { address } = await used();
    const seen: string[] = [];
    let after = '';
    for (;;) {
      const { rules, next } = await get<{ rules: Rule[]; next: string | null }>(
        address,
        `/api/v1/rules?limit=2${after}`,
      );
      expect(rules.length).toBeLessThanOrEqual(2);
      seen.push(...rules.map(({ policy, name, ordinal }) => `${ordinal} ${policy} ${name ?? '-'}`));
      if (next === null) break;
      after = `&after=${next}`;
    }
    expect(seen).toEqual([
      '0 shop/limits no-delete',
      '1 shop/orders web-reads',
      '2 shop/orders never',
      '3 shop/orders by-header',
      '4 shop/shadowed would',
      '5 shop/istio -',
    ]);
    const { rules } = await get<{ rules: Rule[] }>(address, '/api/v1/rules?namespace=vault');
    expect(rules).toEqual([]);
  });

  it('say who may call what, with what else has to hold, and with secrets left out', async () => {
    const { address } = await used();
    const callers = await get<{
      defaultAction: string;
      workloads: { id: string; text: string }[];
      grants: Record<string, unknown>[];
      withoutRules: { policy: string }[];
    }>(address, '/api/v1/callers');
    expect(callers.defaultAction).toBe('DENY');
    const workload = callers.workloads[0]!;
    expect(workload).toMatchObject({ text: 'all of shop', namespace: 'shop', labels: {} });
    expect(callers.grants[1]).toMatchObject({
      policy: 'shop/orders',
      rule: 'web-reads',
      action: 'ALLOW',
      workload: workload.id,
      from: [{ callers: [{ kind: 'principals', value: 'cluster.local/ns/shop/sa/web' }], limits: [] }],
      to: [{ methods: ['GET'], hosts: null, ports: null, paths: ['/orders/{*}'], limits: [] }],
      conditions: [],
      truncated: false,
    });
    expect(callers.grants[3]).toMatchObject({
      from: [{ callers: [{ kind: 'anyone', value: '*' }], limits: [] }],
      conditions: [
        'request.headers[x-api-token]: *',
        "condition: request.method == 'GET'",
        'valid: 2026-01-01T00:00:00.000Z to …',
      ],
    });
    expect(callers.grants[5]).toMatchObject({
      kind: 'AuthorizationPolicy',
      rule: 0,
      from: [{ callers: [{ kind: 'requestPrincipals', value: '*' }], limits: ['not namespaces: edge'] }],
      to: [{ methods: null, hosts: null, ports: null, paths: null, limits: [] }],
    });
    expect(callers.withoutRules).toEqual([expect.objectContaining({ policy: 'vault/closed', action: 'ALLOW' })]);
  });

  it('are printed as they are filed, of all workloads or one', async () => {
    const { address } = await used();
    interface Print {
      readonly workload: string | null;
      readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
    }
    const all = await get<Print>(address, '/api/v1/index');
    expect(all.workload).toBeNull();
    expect(all.sections[0]!.lines.join('\n')).toContain('shop/orders[0]: ');
    const one = await get<Print>(address, '/api/v1/index?namespace=shop&serviceAccount=orders&label=app=orders');
    expect(one.workload).toBe('shop/orders (app=orders)');
    expect(one.sections.map(({ title, lines }) => [title, lines[0]])).toEqual([
      ['DENY', '1 entries'],
      ['ALLOW', '4 entries'],
      ['DENY, not obeyed', '1 entries'],
      ['ALLOW, not obeyed', '0 entries'],
    ]);
  });

  it('are laid over with who was seen calling', async () => {
    const { address, checks } = await start();
    checks.check({ path: '/orders/7?token=secret-of-a-query' });
    checks.check({ path: '/orders/8' });
    checks.check({ path: '/customers/0815/items', principal: '' });
    const traffic = await get<{ edges: Record<string, unknown>[]; exact: boolean }>(address, '/api/v1/traffic');
    expect(traffic).toMatchObject({ exact: true, truncated: false, other: { allowed: 0, denied: 0 } });
    expect(traffic.edges).toEqual([
      expect.objectContaining({
        caller: 'spiffe://cluster.local/ns/shop/sa/web',
        workload: expect.objectContaining({ text: 'shop/orders (app=orders)' }) as unknown,
        method: 'GET',
        path: '/orders/{*}',
        policy: 'shop/orders',
        rule: 'web-reads',
        allowed: 2,
        denied: 0,
      }),
      expect.objectContaining({ caller: null, path: '/customers/{id}/items', policy: null, allowed: 0, denied: 1 }),
    ]);
    const first = await get<{ edges: unknown[]; other: object }>(address, '/api/v1/traffic?limit=1');
    expect(first).toMatchObject({ truncated: true, other: { allowed: 0, denied: 1 } });
    expect(first.edges).toHaveLength(1);
  });
});

describe('decisions', () => {
  it('are there newest first, and what came since the last look', async () => {
    const { address, checks } = await start();
    checks.check({ path: '/a?q=1' });
    checks.nowMs += 1;
    checks.check({ path: '/orders/7' });
    const first = await get<DecisionPage>(address, '/api/v1/decisions');
    expect(first.decisions.map(({ path, decision }) => [path, decision])).toEqual([
      ['/orders/7', 'allow'],
      ['/a?q=*', 'deny'],
    ]);
    const nothing = await get<DecisionPage>(address, `/api/v1/decisions?after=${first.cursor}`);
    expect(nothing).toMatchObject({ decisions: [], missed: 0, cursor: first.cursor });
    checks.check({ path: '/b' });
    const next = await get<DecisionPage>(address, `/api/v1/decisions?after=${first.cursor}`);
    expect(next.decisions.map(({ path }) => path)).toEqual(['/b']);
    expect(next.cursor).not.toBe(first.cursor);
  });

  it('are found by decision, reason and policy', async () => {
    const { address, checks } = await start();
    checks.check({ path: '/a' });
    checks.check({ path: '/orders/7' });
    checks.check({ path: '/orders/7', method: 'DELETE' });
    const reasons = async (query: string): Promise<string[]> =>
      (await get<DecisionPage>(address, `/api/v1/decisions?${query}`)).decisions.map(({ reason }) => reason);
    expect(await reasons('decision=allow')).toEqual(['allow_rule']);
    expect(await reasons('decision=deny&reason=deny_rule')).toEqual(['deny_rule']);
    expect(await reasons('policy=shop/limits')).toEqual(['deny_rule']);
    expect(await reasons('policy=shop/none')).toEqual([]);
  });

  it('say how many denials are not among them', async () => {
    const { address, checks } = await start({ config: { recent: { maxEntries: 3 } } });
    for (let i = 0; i < 5; i++) checks.check({ path: `/a${i}` });
    const all = await get<DecisionPage>(address, '/api/v1/decisions');
    expect(all.decisions.map(({ path }) => path)).toEqual(['/a4', '/a3', '/a2']);
    expect(all.missed).toBe(2);
    const one = await get<DecisionPage>(address, '/api/v1/decisions?limit=1&decision=deny');
    expect(one.decisions.map(({ path }) => path)).toEqual(['/a4']);
    expect(one.missed).toBe(4);
  });

  it('are found by their id, and gone when they are not kept', async () => {
    const { address, checks } = await start();
    checks.check({ path: '/a' });
    const { id } = checks.records[0]!;
    expect(await get(address, `/api/v1/decisions/${id}`)).toMatchObject({
      id,
      reason: 'token_required',
      explainable: true,
    });
    expect((await ask(address, '/api/v1/decisions/0000-1')).status).toBe(404);
    expect((await ask(address, '/api/v1/decisions/NO!')).status).toBe(400);
  });

  it('are not kept where none are to be', async () => {
    const { address, checks } = await start({ config: { recent: { maxEntries: 0 } } });
    checks.check({ path: '/a' });
    expect(await get(address, '/api/v1/decisions')).toMatchObject({ decisions: [], missed: 0 });
    expect((await ask(address, `/api/v1/decisions/${checks.records[0]!.id}`)).status).toBe(404);
  });
});

describe('an explanation', () => {
  it('of a decision says the same again, and the nearest miss of each rule', async () => {
    const its = await used();
    const id = decide(its, { path: '/orders/7', method: 'POST' });
    const { decided, policiesOfDecision, notes, explanation } = await post<Explained>(its.address, '/api/v1/explain', {
      decisionId: id,
    });
    expect(decided).toMatchObject({ id, decision: 'deny', reason: 'token_required' });
    expect(explanation).toMatchObject({ decision: 'deny', reason: 'token_required', truncated: false });
    expect(policiesOfDecision).toBe(true);
    expect(notes).toEqual([]);
    const orders = explanation!.policies.find(({ policy }) => policy === 'shop/orders')!;
    expect(orders.rules[0]).toMatchObject({
      rule: 'web-reads',
      matched: false,
      firstFailed: { field: 'to[0].operation.methods', wanted: ['GET'], actual: 'POST' },
    });
  });

  it('knows what was proven then, and that a proof is not asked for again', async () => {
    const snapshot = snapshotOf(
      policiesYaml([access('ALLOW', { name: 'eu', ...when('request.auth.claims[region]', ['eu']) })]),
    );
    const { address, checks, observer } = await start({ policies: snapshot });
    // As the service leaves it after it has verified a token.
    checks.check({ path: '/a' });
    const record = checks.records[0]!;
    record.request!.proven = new Map([['region', 'us']]);
    observer.see({ ...record, id: 'proven-1' }, true);
    const { explanation } = await post<Explained>(address, '/api/v1/explain', { decisionId: 'proven-1' });
    expect(explanation!.policies[0]!.rules[0]!.firstFailed).toMatchObject({ actual: 'us', wanted: ['eu'] });
  });

  it('says so when other policies are in force by now', async () => {
    const { address, checks } = await start();
    checks.check({ path: '/new' });
    const { id, revision } = checks.records[0]!;
    world!.use(snapshotOf(policiesYaml([access('ALLOW', { name: 'new', ...operation({ paths: ['/new'] }) })])));
    const explained = await post<Explained>(address, '/api/v1/explain', { decisionId: id });
    expect(explained).toMatchObject({
      decided: { decision: 'deny', revision },
      policiesOfDecision: false,
      explanation: { decision: 'allow', policy: 'shop/p0' },
    });
    expect(explained.revision).not.toBe(revision);
    expect(explained.notes[0]).toContain('not in force any more');
  });

  it('is not had of a request that was not read, which it says', async () => {
    const { address, checks, observer } = await used();
    checks.check({ path: '/a' });
    observer.see({ ...checks.records.at(-1)!, id: 'unread-1', request: null, workload: null, revision: null }, true);
    expect(await post(address, '/api/v1/explain', { decisionId: 'unread-1' })).toMatchObject({
      decided: { id: 'unread-1', explainable: false },
      explanation: null,
      notes: ['It cannot be explained: the request was refused before it was read.'],
    });
  });

  it('says when something else decided than the policies', async () => {
    const { address, checks, observer } = await used();
    checks.check({ path: '/orders/7' });
    observer.see({ ...checks.records.at(-1)!, id: 'lost-1' }, false);
    const { decided, notes, explanation } = await post<Explained>(address, '/api/v1/explain', { decisionId: 'lost-1' });
    expect(decided).toMatchObject({ decision: 'deny', reason: 'audit_unavailable', policy: null });
    expect(explanation).toMatchObject({ decision: 'allow', rule: 'web-reads' });
    expect(notes[0]).toContain('audit_unavailable');
  });

  it('is had of a request that is posted, as JSON and as bytes', async () => {
    const { address } = await used();
    const bytes = checkRequest({ path: '/orders/7', headers: { authorization: SECRETS.authorization } });
    const ofBytes = await post<Explained>(address, '/api/v1/explain', { bytes: bytes.toString('base64') });
    expect(ofBytes).toMatchObject({
      decided: null,
      policiesOfDecision: true,
      explanation: { decision: 'allow', rule: 'web-reads' },
    });
    const ofJson = await post<Explained>(address, '/api/v1/explain', {
      attributes: {
        source: { principal: 'spiffe://cluster.local/ns/shop/sa/web' },
        destination: { principal: 'spiffe://cluster.local/ns/shop/sa/orders', labels: { app: 'orders' } },
        request: { http: { method: 'DELETE', host: 'orders.shop', path: '/orders/7', headers: {} } },
      },
    });
    expect(ofJson.explanation).toMatchObject({ decision: 'deny', reason: 'deny_rule', rule: 'no-delete' });
  });

  it('is bounded, with every rule that matched', async () => {
    const rules = Array.from({ length: 700 }, (_, i) => ({ name: `r${i}`, ...operation({ paths: [`/r${i}`] }) }));
    const { address, checks } = await start({
      policies: policiesYaml([access('ALLOW', ...rules, { name: 'last', ...operation({ paths: ['/last'] }) })]),
    });
    checks.check({ path: '/last' });
    const { explanation } = await post<Explained>(address, '/api/v1/explain', { decisionId: checks.records[0]!.id });
    const [policy] = explanation!.policies;
    expect(explanation!.truncated).toBe(true);
    expect(policy!.rules.at(-1)).toMatchObject({ rule: 'last', matched: true });
    expect(policy!.rules.length + policy!.omittedRules).toBe(701);
    expect(policy!.rules).toHaveLength(501);
  });

  it.each<[string, unknown]>([
    ['of nothing that is a request', { request: 1 }],
    ['of bytes that are none', { bytes: 'no base64!' }],
    ['of bytes that are no message', { bytes: Buffer.from([1, 2, 3]).toString('base64') }],
    ['of a list', []],
    ['of null', null],
    ['of an id beside something else', { decisionId: '1-1', attributes: {} }],
    ['of an id that is none', { decisionId: 7 }],
    ['of a field that there is not', { attributes: { nonsense: 1 } }],
  ])('%s is refused', async (_, body) => {
    const { address } = await used();
    expect((await ask(address, '/api/v1/explain', { method: 'POST', body })).status).toBe(400);
  });

  it('of a decision that is not kept is not there', async () => {
    const { address } = await used();
    expect((await ask(address, '/api/v1/explain', { method: 'POST', body: { decisionId: '1-1' } })).status).toBe(404);
  });
});

describe('secrets of a request', () => {
  it('are in no answer, whatever is asked of it', async () => {
    const { address, checks } = await start();
    const path = '/header?key=secret-of-a-query;jsessionid=secret-of-a-parameter';
    checks.check({ path, headers: SECRETS });
    checks.check({ path: '/orders/7?key=secret-of-a-query', headers: SECRETS });
    const answers: string[] = [];
    for (const target of Object.keys(DESCRIPTION.paths)) {
      if (target.includes('{') || target.includes('explain') || target.includes('actions')) continue;
      answers.push((await ask(address, target)).body);
    }
    for (const { id } of checks.records) {
      answers.push((await ask(address, `/api/v1/decisions/${id}`)).body);
      answers.push((await ask(address, '/api/v1/explain', { method: 'POST', body: { decisionId: id } })).body);
    }
    expect(answers.join('\n')).toContain('by-header');
    expect(answers.filter((answer) => answer.includes('secret-of'))).toEqual([]);
    // What a policy compares a secret with is one, too.
    expect(answers.filter((answer) => answer.includes('sesame'))).toEqual([]);
  });

  it('that a rule looked at are masked in a posted one as well', async () => {
    const { address } = await used();
    const bytes = checkRequest({ path: '/header?key=secret-of-a-query', headers: SECRETS });
    const { body } = await ask(address, '/api/v1/explain', {
      method: 'POST',
      body: { bytes: bytes.toString('base64') },
    });
    expect(body).toContain('request.headers[x-api-token]');
    expect(body).not.toContain('secret-of');
  });
});

describe('actions', () => {
  it('are refused where the configuration does not let them be', async () => {
    const { address, levels } = await start();
    for (const [action, body] of [
      ['reload', {}],
      ['log-level', { level: 'debug' }],
    ] as const) {
      const { status, body: text } = await ask(address, `/api/v1/actions/${action}`, { method: 'POST', body });
      expect(status).toBe(403);
      expect(text).toContain('admin.actions');
    }
    expect(levels).toEqual([]);
    expect(world!.reloads).toBe(0);
  });

  it('are done where it does', async () => {
    const { address, levels } = await start({ config: { actions: true } });
    expect(await post(address, '/api/v1/actions/reload', {})).toMatchObject({ outcome: 'taken', errors: 0 });
    expect(world!.reloads).toBe(1);
    expect(await post(address, '/api/v1/actions/log-level', { level: 'debug' })).toEqual({ level: 'debug' });
    // Here, and in the processes that answer checks.
    expect(levels).toEqual(['debug', 'debug']);
  });

  it.each([[{ level: 'loud' }], [{}], [{ level: 'info', x: 1 }], [null]])('do not take %j', async (body) => {
    const { address } = await start({ config: { actions: true } });
    expect((await ask(address, '/api/v1/actions/log-level', { method: 'POST', body })).status).toBe(400);
    expect(world!.levels).toEqual([]);
  });
});
