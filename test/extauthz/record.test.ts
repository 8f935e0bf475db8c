import { Ajv2020 } from 'ajv/dist/2020.js';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { DecisionLog } from '../../src/audit/decision-log.ts';
import type { DecisionLogOptions } from '../../src/audit/decision-log.ts';
import { Outlet } from '../../src/audit/outlet.ts';
import { RecordedFields } from '../../src/audit/recorded-fields.ts';
import { checkRecorder, OUTCOMES } from '../../src/extauthz/record.ts';
import { Metrics } from '../../src/telemetry/metrics.ts';
import { RuleHitCounter } from '../../src/telemetry/rule-hits.ts';
import { STREAM, TestSink } from '../audit/support.ts';
import type { Line } from '../audit/support.ts';
import { snapshotOf, testService } from './support/engine.ts';
import type { Ask } from './support/engine.ts';
import { decodeCheckResponse } from './support/messages.ts';
import { access, operation, policiesYaml } from './support/yaml.ts';

const SNAPSHOT = snapshotOf(policiesYaml([access('ALLOW', { name: 'a', ...operation({ paths: ['/a'] }) })]));

const schema = JSON.parse(
  readFileSync(new URL('../../policies/schema/decision-record.schema.json', import.meta.url), 'utf8'),
) as object;
const ajv = new Ajv2020({ strict: true, formats: { 'date-time': true, base64: true }, discriminator: false });
const validate = ajv.compile(schema);

function world(
  log: Partial<DecisionLogOptions> = {},
  fields = new RecordedFields({ headers: [], claims: [] }),
  maxQueueBytes = 1_000_000,
) {
  const sink = new TestSink();
  const outlet = new Outlet({
    sink,
    stream: STREAM,
    begin: { instance: 'host', worker: 0, workers: 1, flushMs: 60_000, required: false, method: 'none' },
    previous: null,
    sealer: null,
    spill: null,
    spillsFirst: false,
    state: null,
    maxQueueBytes,
    holdMs: 60_000,
    onError: () => undefined,
  });
  const decisions = new DecisionLog({
    denials: true,
    allowSample: 1,
    required: false,
    stream: STREAM,
    outlets: [outlet],
    ...log,
  });
  const metrics = new Metrics(OUTCOMES);
  const rules = new RuleHitCounter();
  rules.use(SNAPSHOT);
  const errors: unknown[] = [];
  const record = checkRecorder({
    counters: { metrics, rules },
    tracer: null,
    log: decisions,
    fields,
    onError: (error) => errors.push(error),
  });
  const service = testService(SNAPSHOT, { record });
  const counted = (reason: string): number => metrics.read().checks.find((check) => check.reason === reason)!.count;
  return {
    service,
    counted,
    rules,
    errors,
    statusOf: (ask: Ask) => decodeCheckResponse(service.check(ask)!).deniedResponse?.status?.code ?? 200,
    lines: async (): Promise<Line[]> => {
      await decisions.close(1000);
      for (const line of sink.lines) if (!validate(line)) throw new Error(JSON.stringify([validate.errors, line]));
      return sink.lines.filter(({ msg }) => msg === 'decision');
    },
  };
}

async function recordOf(ask: Ask, fields?: RecordedFields): Promise<Line> {
  const { service, lines } = world({}, fields);
  service.check(ask);
  const [line] = await lines();
  return line!;
}

describe('a record', () => {
  it('has all that is known of a check, and is as the published schema says', async () => {
    const line = await recordOf({
      path: '/b?token=s3cret',
      method: 'POST',
      headers: {
        'x-request-id': 'r-1',
        traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
        authorization: 'Bearer s3cret',
      },
    });
    expect(line).toMatchObject({
      schema: 1,
      stream: STREAM,
      seq: 1,
      decision: 'deny',
      reason: 'no_rule_matched',
      httpStatus: 403,
      policy: null,
      rule: null,
      revision: SNAPSHOT.revision,
      principal: 'spiffe://cluster.local/ns/shop/sa/web',
      requestPrincipal: null,
      workload: { namespace: 'shop', labels: { app: 'orders' } },
      method: 'POST',
      path: '/b?token=*',
      envoyRequestId: 'r-1',
      traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
      cached: false,
    });
    expect(JSON.stringify(line)).not.toContain('s3cret');
  });

  it('says which policy and rule decided, and whether the decision was kept', async () => {
    const { service, lines } = world();
    for (let i = 0; i < 2; i++) service.check({ path: '/a' });
    expect(await lines()).toMatchObject([
      { seq: 1, decision: 'allow', policy: 'shop/p0', rule: 'a', cached: false },
      { seq: 2, decision: 'allow', policy: 'shop/p0', rule: 'a', cached: true },
    ]);
  });

  it('is there for a request that could not be read as one', async () => {
    expect(await recordOf({ path: '/a//b' })).toMatchObject({ reason: 'malformed_path', httpStatus: 400 });
  });

  it('has the trace of one header only, and none of several', async () => {
    const rawHeaders = [
      ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
      ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4737-00f067aa0ba902b7-01'],
    ] as const;
    expect(await recordOf({ rawHeaders })).toMatchObject({ traceId: null });
    expect(await recordOf({ headers: { 'x-b3-traceid': '463ac35c9f6413ad' } })).toMatchObject({
      traceId: '463ac35c9f6413ad',
    });
  });
});

describe('what a policy says of records', () => {
  it('counts for what it allows, kept decisions too, and for no denial', async () => {
    const snapshot = snapshotOf(
      policiesYaml([
        { name: 'all', spec: { audit: 'all', rules: [operation({ paths: ['/all'] })] } },
        { name: 'none', spec: { audit: 'denied', rules: [operation({ paths: ['/none'] })] } },
        { name: 'some', spec: { rules: [operation({ paths: ['/some'] })] } },
      ]),
    );
    for (const [allowSample, expected] of [
      [0, ['/all', '/all', '/no']],
      [1, ['/all', '/all', '/some', '/no']],
    ] as const) {
      const { service, lines } = world({ allowSample });
      service.snapshot = snapshot;
      for (const path of ['/all', '/all', '/none', '/some', '/no']) service.check({ path });
      expect((await lines()).map(({ path }) => path)).toEqual(expected);
    }
  });
});

describe('hits of rules', () => {
  it('are counted for each decision, kept ones and those of Shadow mode too, where the decision was made', () => {
    const snapshot = snapshotOf(
      policiesYaml([
        access('ALLOW', { name: 'a', ...operation({ paths: ['/a'] }) }, operation({ paths: ['/b'] })),
        { name: 'trial', spec: { action: 'DENY', mode: 'Shadow', rules: [operation({ paths: ['/b', '/c'] })] } },
      ]),
    );
    const { service, rules } = world();
    service.snapshot = snapshot;
    rules.use(snapshot);
    for (const path of ['/a', '/a', '/b', '/c', '/d']) service.check({ path });
    expect(rules.take().map(({ policy, rule, decision, mode, hits }) => [policy, rule, decision, mode, hits])).toEqual([
      ['shop/p0', 'a', 'allow', 'enforce', 2],
      ['shop/p0', '1', 'allow', 'enforce', 1],
      ['shop/trial', '0', 'deny', 'shadow', 2],
    ]);
    const strict = world({ required: true }, undefined, 10);
    expect(strict.statusOf({ path: '/a' })).toBe(503);
    expect(strict.rules.take()).toEqual([]);
  });
});

describe('headers and claims', () => {
  const fields = () => new RecordedFields({ headers: ['x-tenant', 'x-partner'], claims: ['sub', '[realm][roles]'] });
  const jwt = 'envoy.filters.http.jwt_authn';

  it('are recorded where they are on the list', async () => {
    const line = await recordOf(
      {
        headers: { 'x-tenant': 'eu', 'x-other': 'not this' },
        metadata: { [jwt]: { payload: { iss: 'i', sub: 'ann', email: 'not this', realm: { roles: ['clerk'] } } } },
      },
      fields(),
    );
    expect(line).toMatchObject({ headers: { 'x-tenant': ['eu'] } });
    expect(JSON.stringify(line)).not.toContain('not this');
  });

  it('are masked where a policy takes the header for a proof, whatever it is called', async () => {
    const recorded = fields();
    recorded.use([
      {
        kind: 'IdentityProvider',
        namespace: 'shop',
        name: 'partners',
        matchLabels: new Map(),
        targetGateways: null,
        position: { file: '', line: 1, column: 1 },
        providers: [
          {
            type: 'apiKey',
            id: 'shop/partners',
            locations: { headers: [{ name: 'x-partner', prefix: '' }], params: [], cookies: [] },
          } as never,
        ],
      },
    ]);
    const line = await recordOf({ headers: { 'x-tenant': 'eu', 'x-partner': 's3cret' } }, recorded);
    expect(line).toMatchObject({ headers: { 'x-tenant': ['eu'], 'x-partner': ['*'] } });
    expect(JSON.stringify(line)).not.toContain('s3cret');
  });

  it('are not there at all when none is on the list', async () => {
    const line = await recordOf({ headers: { 'x-tenant': 'eu' } });
    expect(Object.keys(line)).not.toContain('headers');
    expect(Object.keys(line)).not.toContain('claims');
  });
});

describe('a decision that has to be recorded', () => {
  it('is denied when there is no room, also when it was kept, and counted as that', () => {
    const { statusOf, counted } = world({ required: true }, undefined, 1500);
    const statuses = Array.from({ length: 6 }, () => statusOf({ path: '/a' }));
    const recorded = statuses.indexOf(503);
    expect(recorded).toBeGreaterThan(0);
    expect(statuses.slice(recorded)).toEqual(statuses.slice(recorded).map(() => 503));
    expect(counted('allow_rule')).toBe(recorded);
    expect(counted('audit_unavailable')).toBe(6 - recorded);
  });

  it('goes on without a record where none is required', () => {
    const { statusOf, counted } = world({}, undefined, 10);
    expect(Array.from({ length: 6 }, () => statusOf({ path: '/a' }))).toEqual([200, 200, 200, 200, 200, 200]);
    expect(counted('allow_rule')).toBe(6);
  });

  it('is denied when making the record fails, and only then', () => {
    const broken = new RecordedFields({ headers: ['x-tenant'], claims: [] });
    Object.defineProperty(broken, 'headers', {
      get: () => {
        throw new Error('broken');
      },
    });
    const strict = world({ required: true }, broken);
    expect(strict.statusOf({ path: '/a' })).toBe(503);
    expect(strict.errors).toHaveLength(1);
    const lax = world({}, broken);
    expect(lax.statusOf({ path: '/a' })).toBe(200);
    expect(lax.errors).toHaveLength(1);
  });
});
