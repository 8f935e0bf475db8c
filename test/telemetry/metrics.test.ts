import { describe, expect, it } from '@jest/globals';
import { DURATION_BOUNDS_SECONDS, DurationHistogram } from '../../src/telemetry/histogram.ts';
import { CACHE_BYPASS, CACHE_HIT, CACHE_MISS, Metrics } from '../../src/telemetry/metrics.ts';
import type { CacheUse, LoadState, PolicyState } from '../../src/telemetry/metrics.ts';
import type { TransportState } from '../../src/telemetry/transport-state.ts';
import { METRICS, prometheusName } from '../../src/telemetry/names.ts';
import type { IdentityState } from '../../src/telemetry/identity-points.ts';
import type { MetricDefinition } from '../../src/telemetry/names.ts';
import { scrapeText } from './support/scrape.ts';
import { parsePrometheusText } from './prometheus-text.ts';
import type { Family } from './prometheus-text.ts';

const OUTCOMES = [
  { decision: 'allow', reason: 'allow_rule' },
  { decision: 'deny', reason: 'deny_rule' },
  { decision: 'deny', reason: 'no_rule_matched' },
] as const;

const POLICY: PolicyState = {
  ready: true,
  stale: false,
  revision: 'r1',
  policies: 4,
  rules: 9,
  lastReloadSeconds: 1_767_225_600.25,
  expiredDenyRules: 2,
};

const IDENTITY: IdentityState = {
  keys: [
    {
      providers: ['shop/login', 'shop/other'],
      state: 'stale',
      keys: 2,
      lastSuccessMs: Date.now() - 90_000,
      fetches: { changed: 1, unchanged: 5, failed: 3 },
    },
    {
      providers: ['shop/inline'],
      state: 'fresh',
      keys: 1,
      lastSuccessMs: null,
      fetches: { changed: 0, unchanged: 0, failed: 0 },
    },
  ],
  introspection: [
    { client: 'us', breaker: 'closed', requests: { active: 4, inactive: 1, failed: 0, refused: 0 } },
    { client: 'us', breaker: 'half-open', requests: { active: 1, inactive: 0, failed: 2, refused: 7 } },
  ],
  revocation: { state: 'none', entries: 0, lastSuccessMs: Date.now() + 5000 },
  tokens: { entries: 12, bytes: 4096 },
  outcomes: { none: 1, verified: 2, invalid: 3, unavailable: 4 },
  listenersWithoutPrincipal: 2,
};

const TRANSPORT: TransportState = {
  connectionsOpen: 3,
  connectionsAccepted: 9,
  connectionsNotAllowed: 1,
  connectionFaults: { protocol: 2, flood: 0 },
  callsStarted: 100,
  callsInFlight: 4,
  callsAnswered: { OK: 90, INTERNAL: 1 },
  callsCancelled: 2,
  callsRefused: 1,
  callsLost: 2,
  bytesHeld: 5000,
};

const LOAD: LoadState = { waiting: 3, refused: { undecided: 5, unread: 2 } };

function observedMetrics(): Metrics {
  const metrics = new Metrics(OUTCOMES);
  metrics.observe({ policy: () => POLICY, cache: () => ({ entries: 7, evictions: 4 }) });
  metrics.observe({
    load: () => LOAD,
    transport: () => TRANSPORT,
    workers: () => ({ serving: 2, replaced: 1 }),
    decisionLog: () => ({
      written: 11,
      dropped: 5,
      spilled: 3,
      gaps: 2,
      errors: 4,
      queueBytes: 100,
      spillBytes: 200,
      stalledMs: 1500,
    }),
    logDroppedLines: () => 6,
    identity: () => IDENTITY,
    spans: () => ({ sent: 7, dropped: 1, limited: 2, sendings: 4, failures: 1, queued: 3 }),
    metricPush: () => ({ sendings: 9, failures: 2 }),
    rules: () => ({
      rules: [
        { kind: 'AccessPolicy', policy: 'shop/a', rule: 'r', index: 0, decision: 'allow', mode: 'enforce', hits: 8 },
      ],
      totals: [{ decision: 'allow', mode: 'enforce', hits: 8 }],
    }),
  });
  return metrics;
}

async function scrape(metrics: Metrics): Promise<Map<string, Family>> {
  return parsePrometheusText(await scrapeText(metrics));
}

function samplesOf(families: Map<string, Family>, definition: MetricDefinition): Record<string, number> {
  const name = prometheusName(definition);
  const family = families.get(name);
  if (family === undefined) throw new Error(`no ${name}`);
  return Object.fromEntries([...family.samples].map(([series, value]) => [series.slice(name.length), value]));
}

describe('the metrics text', () => {
  it('has every metric of the list, with its kind, description and attributes, and no other', async () => {
    const families = await scrape(observedMetrics());
    families.delete('target_info');
    expect([...families.keys()].sort()).toEqual(Object.values(METRICS).map(prometheusName).sort());
    for (const definition of Object.values(METRICS)) {
      const family = families.get(prometheusName(definition));
      expect(family).toMatchObject({ type: definition.kind, help: definition.description });
      const labels = [...(family?.samples.keys() ?? [])].map((series) =>
        [...series.matchAll(/([a-z_]+)="/g)].map(([, label]) => label).filter((label) => label !== 'le'),
      );
      for (const each of labels) expect(each).toEqual(definition.attributes);
    }
  });

  it('leaves out what nobody observes, and what there is not yet', async () => {
    const bare = await scrape(new Metrics(OUTCOMES));
    expect(bare.has('portcullis_ready')).toBe(false);
    expect(bare.has('portcullis_cache_entries')).toBe(false);
    const metrics = new Metrics(OUTCOMES);
    metrics.observe({
      policy: () => ({ ...POLICY, ready: false, stale: true, revision: null, lastReloadSeconds: null }),
    });
    const families = await scrape(metrics);
    expect(samplesOf(families, METRICS.ready)).toEqual({ '': 0 });
    expect(samplesOf(families, METRICS.policyStale)).toEqual({ '': 1 });
    expect(families.has('portcullis_policy_info')).toBe(false);
    expect(families.has('portcullis_policy_last_successful_reload_timestamp_seconds')).toBe(false);
  });

  it('names the service', async () => {
    expect([...((await scrape(new Metrics(OUTCOMES))).get('target_info')?.samples ?? [])]).toEqual([
      ['target_info{service_name="portcullis",service_version="1.2.3"}', 1],
    ]);
  });

  it('escapes what an attribute holds', async () => {
    const metrics = new Metrics(OUTCOMES);
    metrics.observe({ policy: () => ({ ...POLICY, revision: 'a"b\\c\nd' }) });
    expect(samplesOf(await scrape(metrics), METRICS.policyInfo)).toEqual({ '{revision="a\\"b\\\\c\\nd"}': 1 });
  });

  it('fails as a whole when a source of a value throws, so that the scrape shows it', async () => {
    const metrics = new Metrics(OUTCOMES);
    metrics.observe({
      cache: () => {
        throw new Error('no cache');
      },
    });
    await expect(scrapeText(metrics)).rejects.toThrow('metrics could not be collected');
  });
});

describe('counting', () => {
  it('is exact, by decision and reason, cache use and duration', async () => {
    const metrics = observedMetrics();
    const checks: [number, CacheUse, number][] = [];
    for (let i = 0; i < 10_000; i++) checks.push([i % 3, (i % 4 > 2 ? 0 : i % 3) as CacheUse, (i % 100) * 1e-4]);
    for (const check of checks) metrics.recordCheck(...check);
    const families = await scrape(metrics);

    const count = (test: (check: [number, CacheUse, number]) => boolean): number => checks.filter(test).length;
    expect(samplesOf(families, METRICS.checks)).toEqual({
      '{decision="allow",reason="allow_rule"}': count(([outcome]) => outcome === 0),
      '{decision="deny",reason="deny_rule"}': count(([outcome]) => outcome === 1),
      '{decision="deny",reason="no_rule_matched"}': count(([outcome]) => outcome === 2),
    });
    expect(samplesOf(families, METRICS.cacheLookups)).toEqual({
      '{result="hit"}': count(([, use]) => use === CACHE_HIT),
      '{result="miss"}': count(([, use]) => use === CACHE_MISS),
    });

    const durations = samplesOf(families, METRICS.checkDuration);
    for (const decision of ['allow', 'deny']) {
      const those = checks
        .filter(([outcome]) => (outcome === 0) === (decision === 'allow'))
        .map(([, , seconds]) => seconds);
      expect(durations[`_count{decision="${decision}"}`]).toBe(those.length);
      expect(durations[`_sum{decision="${decision}"}`]).toBeCloseTo(
        those.reduce((a, b) => a + b, 0),
        6,
      );
      expect(durations[`_bucket{decision="${decision}",le="+Inf"}`]).toBe(those.length);
      for (const bound of DURATION_BOUNDS_SECONDS) {
        const below = those.filter((seconds) => seconds <= bound).length;
        expect(durations[`_bucket{decision="${decision}",le="${bound}"}`]).toBe(below);
      }
    }
  });

  it('takes reloads and shadow decisions', async () => {
    const metrics = new Metrics(OUTCOMES);
    metrics.recordReload(true);
    metrics.recordReload(false);
    metrics.recordReload(false);
    metrics.recordShadowDecision(true, true);
    metrics.recordShadowDecision(false, true);
    metrics.recordShadowDecision(false, true);
    const families = await scrape(metrics);
    expect(samplesOf(families, METRICS.policyReloads)).toEqual({ '{result="success"}': 1, '{result="failure"}': 2 });
    expect(samplesOf(families, METRICS.shadowDecisions)).toEqual({
      '{shadow_decision="allow",decision="allow"}': 1,
      '{shadow_decision="allow",decision="deny"}': 0,
      '{shadow_decision="deny",decision="allow"}': 2,
      '{shadow_decision="deny",decision="deny"}': 0,
    });
  });

  it('reports what others count', async () => {
    const families = await scrape(observedMetrics());
    expect(samplesOf(families, METRICS.cacheEntries)).toEqual({ '': 7 });
    expect(samplesOf(families, METRICS.cacheEvictions)).toEqual({ '': 4 });
    expect(samplesOf(families, METRICS.checksWaiting)).toEqual({ '': 3 });
    expect(samplesOf(families, METRICS.overloadRefusals)).toEqual({ '{class="undecided"}': 5, '{class="unread"}': 2 });
    expect(samplesOf(families, METRICS.connections)).toEqual({ '': 3 });
    expect(samplesOf(families, METRICS.connectionFaults)).toEqual({
      '{error_type="protocol"}': 2,
      '{error_type="flood"}': 0,
    });
    expect(samplesOf(families, METRICS.callsAnswered)).toEqual({
      '{grpc_status="OK"}': 90,
      '{grpc_status="INTERNAL"}': 1,
    });
    expect(samplesOf(families, METRICS.callsLost)).toEqual({ '': 2 });
    expect(samplesOf(families, METRICS.transportHeld)).toEqual({ '': 5000 });
    expect(samplesOf(families, METRICS.workers)).toEqual({ '': 2 });
    expect(samplesOf(families, METRICS.workerReplacements)).toEqual({ '': 1 });
    expect(samplesOf(families, METRICS.decisionLogEntries)).toEqual({
      '{result="written"}': 11,
      '{result="dropped"}': 5,
    });
    expect(samplesOf(families, METRICS.decisionLogSpilled)).toEqual({ '': 3 });
    expect(samplesOf(families, METRICS.decisionLogGaps)).toEqual({ '': 2 });
    expect(samplesOf(families, METRICS.decisionLogErrors)).toEqual({ '': 4 });
    expect(samplesOf(families, METRICS.decisionLogQueue)).toEqual({ '': 100 });
    expect(samplesOf(families, METRICS.decisionLogSpill)).toEqual({ '': 200 });
    expect(samplesOf(families, METRICS.decisionLogStalled)).toEqual({ '': 1.5 });
    expect(samplesOf(families, METRICS.logDroppedLines)).toEqual({ '': 6 });
    expect(samplesOf(families, METRICS.policyInfo)).toEqual({ '{revision="r1"}': 1 });
    expect(samplesOf(families, METRICS.policies)).toEqual({ '': 4 });
    expect(samplesOf(families, METRICS.policyRules)).toEqual({ '': 9 });
    expect(samplesOf(families, METRICS.policyExpiredDenyRules)).toEqual({ '': 2 });
    expect(samplesOf(families, METRICS.policyLastReload)).toEqual({ '': 1_767_225_600.25 });
  });

  it('tells of what proves who asks, of servers of one client together', async () => {
    const families = await scrape(observedMetrics());
    const samples = (definition: MetricDefinition): Record<string, number> => samplesOf(families, definition);
    expect(samples(METRICS.identityAuthentications)).toEqual({
      '{outcome="none"}': 1,
      '{outcome="verified"}': 2,
      '{outcome="invalid"}': 3,
      '{outcome="unavailable"}': 4,
    });
    expect(samples(METRICS.identityKeyFetches)).toEqual({
      '{provider="shop/login",result="changed"}': 1,
      '{provider="shop/login",result="unchanged"}': 5,
      '{provider="shop/login",result="failed"}': 3,
      '{provider="shop/inline",result="changed"}': 0,
      '{provider="shop/inline",result="unchanged"}': 0,
      '{provider="shop/inline",result="failed"}': 0,
    });
    expect(samples(METRICS.identityKeys)).toEqual({ '{provider="shop/login"}': 2, '{provider="shop/inline"}': 1 });
    expect(samples(METRICS.identityKeysStale)).toEqual({ '{provider="shop/login"}': 1, '{provider="shop/inline"}': 0 });
    // Inline keys were never fetched.
    const ages = samples(METRICS.identityKeysAge);
    expect(Object.keys(ages)).toEqual(['{provider="shop/login"}']);
    expect(ages['{provider="shop/login"}']).toBeGreaterThanOrEqual(90);
    expect(samples(METRICS.identityIntrospections)).toEqual({
      '{client="us",result="active"}': 5,
      '{client="us",result="inactive"}': 1,
      '{client="us",result="failed"}': 2,
      '{client="us",result="refused"}': 7,
    });
    expect(samples(METRICS.identityBreakerOpen)).toEqual({ '{client="us"}': 1 });
    expect(samples(METRICS.identityTokenEntries)).toEqual({ '': 12 });
    expect(samples(METRICS.identityTokenBytes)).toEqual({ '': 4096 });
    expect(samples(METRICS.identityRevocationStale)).toEqual({ '': 1 });
    // A clock that was set back makes nothing younger than now.
    expect(samples(METRICS.identityRevocationAge)).toEqual({ '': 0 });
    expect(samples(METRICS.identityListenersWithoutPrincipal)).toEqual({ '': 2 });
  });

  it('tells so many providers and clients apart, and the rest together', async () => {
    const metrics = new Metrics(OUTCOMES);
    const keys = Array.from({ length: 250 }, (_, i) => ({ ...IDENTITY.keys[0]!, providers: [`p${i}`], keys: 1 }));
    const introspection = Array.from({ length: 250 }, (_, i) => ({ ...IDENTITY.introspection[0]!, client: `c${i}` }));
    metrics.observe({ identity: () => ({ ...IDENTITY, keys, introspection, revocation: null }) });
    const families = await scrape(metrics);
    const ofKeys = samplesOf(families, METRICS.identityKeys);
    expect(Object.keys(ofKeys)).toHaveLength(101);
    expect(ofKeys).toMatchObject({ '{provider="p99"}': 1, '{provider="others"}': 150 });
    expect(samplesOf(families, METRICS.identityIntrospections)['{client="others",result="active"}']).toBe(600);
    expect(families.has(prometheusName(METRICS.identityRevocationEntries))).toBe(false);
  });

  it('has no series of providers where there are none', async () => {
    const metrics = new Metrics(OUTCOMES);
    metrics.observe({ identity: () => ({ ...IDENTITY, keys: [], introspection: [] }) });
    const families = await scrape(metrics);
    for (const definition of [METRICS.identityKeyFetches, METRICS.identityKeys, METRICS.identityIntrospections])
      expect(families.has(prometheusName(definition))).toBe(false);
  });

  it('refuses two outcomes with one reason', () => {
    expect(() => new Metrics([OUTCOMES[0], { decision: 'deny', reason: 'allow_rule' }])).toThrow('same reason');
  });

  it('survives an outcome that is none', () => {
    const metrics = new Metrics(OUTCOMES);
    metrics.recordCheck(99, CACHE_BYPASS, 1);
    expect(metrics.read().checks.map(({ count }) => count)).toEqual([0, 0, 0]);
  });
});

describe('the histogram of durations', () => {
  it('has rising bounds, and puts a value on a bound into its bucket', () => {
    expect([...DURATION_BOUNDS_SECONDS].sort((a, b) => a - b)).toEqual(DURATION_BOUNDS_SECONDS);
    const histogram = new DurationHistogram();
    histogram.record(DURATION_BOUNDS_SECONDS[2]!);
    histogram.record(0);
    histogram.record(1e9);
    const { counts, count } = histogram.read();
    expect([counts[0], counts[2], counts.at(-1), count]).toEqual([1, 1, 1, 3]);
  });
});

describe('metric names', () => {
  it('follow OpenTelemetry: lower case, dots, no unit and no _total', () => {
    for (const { name } of Object.values(METRICS)) {
      expect(name).toMatch(/^portcullis(?:\.[a-z]+(?:_[a-z]+)*)+$/);
      expect(name).not.toMatch(/total$|seconds$|bytes$/);
    }
  });
});
