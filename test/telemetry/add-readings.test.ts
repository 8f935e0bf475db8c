import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { addReadings, ended } from '../../src/telemetry/add-readings.ts';
import { mergeProofStates } from '../../src/telemetry/merge-identity.ts';
import type { ProofState } from '../../src/telemetry/merge-identity.ts';
import { CACHE_HIT, CACHE_MISS, Metrics } from '../../src/telemetry/metrics.ts';
import type { CacheUse, MetricsReading } from '../../src/telemetry/metrics.ts';
import type { TransportState } from '../../src/telemetry/transport-state.ts';
import { scrapeText } from './support/scrape.ts';

const OUTCOMES = [
  { decision: 'allow', reason: 'allow_rule' },
  { decision: 'deny', reason: 'deny_rule' },
] as const;

const PROOFS: ProofState = {
  keys: [
    {
      providers: ['shop/login'],
      state: 'fresh',
      keys: 2,
      lastSuccessMs: 2000,
      fetches: { changed: 1, unchanged: 0, failed: 0 },
    },
  ],
  introspection: [{ client: 'us', breaker: 'closed', requests: { active: 1, inactive: 0 } }],
  revocation: { state: 'fresh', entries: 5, lastSuccessMs: 2000 },
  tokens: { entries: 3, bytes: 300 },
  outcomes: { none: 1, verified: 2, invalid: 0, unavailable: 0 },
};

const TRANSPORT: TransportState = {
  connectionsOpen: 2,
  connectionsAccepted: 5,
  connectionsNotAllowed: 0,
  connectionFaults: { protocol: 1 },
  callsStarted: 30,
  callsInFlight: 4,
  callsAnswered: { OK: 25 },
  callsCancelled: 0,
  callsRefused: 0,
  callsLost: 1,
  bytesHeld: 100,
};

type Event = readonly [outcome: number, cache: CacheUse, seconds: number];

function counted(events: readonly Event[]): MetricsReading {
  const metrics = new Metrics(OUTCOMES);
  for (const event of events) metrics.recordCheck(...event);
  return metrics.read();
}

function full(): MetricsReading {
  const metrics = new Metrics(OUTCOMES);
  metrics.observe({
    cache: () => ({ entries: 7, evictions: 2 }),
    load: () => ({ waiting: 1, refused: { undecided: 3 } }),
    transport: () => TRANSPORT,
    decisionLog: () => ({
      written: 4,
      dropped: 1,
      spilled: 3,
      gaps: 2,
      errors: 4,
      queueBytes: 100,
      spillBytes: 200,
      stalledMs: 1500,
    }),
    logDroppedLines: () => 2,
    identity: () => ({ ...PROOFS, listenersWithoutPrincipal: 1 }),
  });
  metrics.recordCheck(0, CACHE_HIT, 0.001);
  metrics.recordShadowDecision(false, true);
  return metrics.read();
}

describe('readings of several processes', () => {
  it('are what one process would have counted', () => {
    const event = fc.tuple(
      fc.constantFrom(0, 1),
      fc.constantFrom<CacheUse>(CACHE_HIT, CACHE_MISS, 0),
      fc.constantFrom(0.000_001, 0.000_5, 0.25, 3),
    );
    fc.assert(
      fc.property(fc.array(fc.array(event), { minLength: 1, maxLength: 4 }), (parts) => {
        const [first, ...others] = parts.map(counted);
        const sum = addReadings(first!, ...others);
        const whole = counted(parts.flat());
        expect(sum.checks).toEqual(whole.checks);
        expect([sum.cacheHits, sum.cacheMisses]).toEqual([whole.cacheHits, whole.cacheMisses]);
        for (const decision of ['allow', 'deny'] as const) {
          expect(sum.durations[decision].counts).toEqual(whole.durations[decision].counts);
          expect(sum.durations[decision].count).toBe(whole.durations[decision].count);
          expect(sum.durations[decision].sum).toBeCloseTo(whole.durations[decision].sum, 9);
        }
      }),
    );
  });

  it('add up what others count, and take what only one has', () => {
    const policy = {
      ready: true,
      stale: false,
      revision: 'r',
      policies: 1,
      rules: 1,
      lastReloadSeconds: 1,
      expiredDenyRules: 0,
    };
    const primary = new Metrics(OUTCOMES);
    primary.observe({ policy: () => policy, workers: () => ({ serving: 2, replaced: 0 }) });
    primary.recordReload(true);
    const sum = addReadings(primary.read(), full(), full());
    expect(sum).toMatchObject({
      policy,
      workers: { serving: 2, replaced: 0 },
      reloadSuccesses: 1,
      cache: { entries: 14, evictions: 4 },
      load: { waiting: 2, refused: { undecided: 6 } },
      decisionLog: {
        written: 8,
        dropped: 2,
        spilled: 6,
        gaps: 4,
        errors: 8,
        queueBytes: 200,
        spillBytes: 400,
        stalledMs: 1500,
      },
      logDroppedLines: 4,
      transport: { connectionsOpen: 4, callsStarted: 60, callsAnswered: { OK: 50 }, connectionFaults: { protocol: 2 } },
      identity: { listenersWithoutPrincipal: 1, tokens: { entries: 6, bytes: 600 } },
    });
    expect(
      sum.shadow.find(({ shadowDecision, decision }) => shadowDecision === 'deny' && decision === 'allow')?.count,
    ).toBe(2);
  });

  it('with nothing observed have nothing', () => {
    expect(addReadings(counted([]), counted([]))).toMatchObject({
      policy: null,
      workers: null,
      cache: null,
      load: null,
      transport: null,
      decisionLog: null,
      logDroppedLines: null,
      identity: null,
    });
  });

  it('of a process that has ended count on, and hold nothing', async () => {
    const past = ended(full());
    expect(past).toMatchObject({
      cache: { entries: 0, evictions: 2 },
      load: { waiting: 0, refused: { undecided: 3 } },
      transport: { connectionsOpen: 0, connectionsAccepted: 5, callsInFlight: 0, callsLost: 5, bytesHeld: 0 },
      decisionLog: {
        written: 4,
        dropped: 1,
        spilled: 3,
        gaps: 2,
        errors: 4,
        queueBytes: 0,
        spillBytes: 0,
        stalledMs: 0,
      },
      identity: { tokens: { entries: 0, bytes: 0 }, outcomes: { none: 1, verified: 2 } },
    });
    expect(past.checks[0]?.count).toBe(1);
    // The living one's keys are told as they are.
    const sum = addReadings(past, full());
    expect(sum.identity?.keys).toEqual(PROOFS.keys);
    const text = await scrapeText({ startTimeMs: 0, read: () => sum });
    expect(text).toContain('portcullis_identity_keys{provider="shop/login"} 2');
  });
});

describe('what several processes know of providers', () => {
  it('is what the worst of them knows, with all that was counted', () => {
    const [key] = PROOFS.keys;
    const other: ProofState = {
      ...PROOFS,
      keys: [
        { ...key!, state: 'stale', keys: 1, lastSuccessMs: 1000, fetches: { changed: 0, unchanged: 2, failed: 1 } },
      ],
      introspection: [{ client: 'us', breaker: 'open', requests: { active: 2, inactive: 3 } }],
      revocation: { state: 'none', entries: 0, lastSuccessMs: null },
    };
    for (const merged of [mergeProofStates(PROOFS, other), mergeProofStates(other, PROOFS)]) {
      expect(merged.keys).toEqual([
        {
          providers: ['shop/login'],
          state: 'stale',
          keys: 1,
          lastSuccessMs: 1000,
          fetches: { changed: 1, unchanged: 2, failed: 1 },
        },
      ]);
      expect(merged.introspection).toEqual([{ client: 'us', breaker: 'open', requests: { active: 3, inactive: 3 } }]);
      expect(merged.revocation).toEqual({ state: 'none', entries: 0, lastSuccessMs: null });
      expect(merged.outcomes).toEqual({ none: 2, verified: 4, invalid: 0, unavailable: 0 });
    }
  });

  it('is told of each provider once, of those too that only one has', () => {
    const [key] = PROOFS.keys;
    const more = { ...PROOFS, keys: [...PROOFS.keys, { ...key!, providers: ['shop/other'] }], revocation: null };
    const merged = mergeProofStates(more, PROOFS);
    expect(merged.keys.map(({ providers }) => providers)).toEqual([['shop/login'], ['shop/other']]);
    expect(merged.revocation).toEqual(PROOFS.revocation);
    expect(mergeProofStates(more)).toEqual(more);
  });
});
