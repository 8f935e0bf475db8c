import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AskForProof, JUST_REFUSE } from '../../src/extauthz/ask-for-proof.ts';
import { NOW_MS, snapshotOf, testService } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { ask, changed, forwarding, policies } from './arbitraries.ts';
import { PARAMETERS, TIMEOUT_MS, named } from './runs.ts';

/** Bytes of a decision id at the very end of an answer. */
const ID_LENGTH = 22;

const withoutId = (bytes: Uint8Array | null): string => Buffer.from(bytes!.subarray(0, -ID_LENGTH)).toString('latin1');

/** A request, and what the clock does before it: stand still, go on, or be set back. */
const step = fc.record({
  request: fc.nat(2),
  change: fc.option(changed, { freq: 1 }),
  browser: fc.constantFrom(false, false, true),
  clockMs: fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 4, arbitrary: fc.constantFrom(1, 999, 1000, 5000) },
    { weight: 1, arbitrary: fc.constantFrom(-1, -2000, 61_000) },
  ),
  defaultAction: fc.constantFrom(null, null, null, null, 'ALLOW', 'DENY'),
});

/** What a browser gets in place of a challenge is told by headers that no rule reads. */
const toLogin = new AskForProof({
  resourceMetadata: 'https://orders.shop/meta',
  scope: 'orders',
  loginUrl: 'https://login.shop/start',
  loginReturnParameter: 'rd',
  loginHosts: ['orders.shop', '*.example'],
});

/** With a rule that asks for a token, so that there is something to log in for. */
function withPeople(yaml: string): string {
  const list = JSON.parse(yaml) as { readonly items: unknown[] };
  const rules = [
    { from: [{ source: { requestPrincipals: ['iss/alice'] } }], to: [{ operation: { paths: ['/a*', '/b*'] } }] },
  ];
  list.items.push({
    apiVersion: 'portcullis.dev/v1',
    kind: 'AccessPolicy',
    metadata: { name: 'people', namespace: 'shop' },
    spec: { action: 'ALLOW', rules },
  });
  return JSON.stringify(list);
}

function asPage({ rawHeaders: _raw, claims: _claims, host: _host, ...from }: Ask): Ask {
  return { ...from, headers: { 'x-a': from.headers?.['x-a'] ?? '', 'sec-fetch-mode': 'navigate' } };
}

describe(named('a decision that was kept'), () => {
  it(
    'is the one that would be made anew: same bytes, whatever was asked before, also with two sets in turn',
    () => {
      let hits = 0;
      let recent = 0;
      let redirects = 0;
      fc.assert(
        fc.property(
          policies,
          fc.constantFrom('deny' as const, 'evaluate' as const),
          fc.constantFrom(JUST_REFUSE, toLogin),
          forwarding,
          fc.array(ask, { minLength: 3, maxLength: 3 }),
          fc.array(step, { minLength: 20, maxLength: 40 }),
          (drawn, ambiguousPaths, askForProof, xfcc, requests, steps) => {
            const yaml = askForProof.sendsToLogin ? withPeople(drawn) : drawn;
            const snapshots = {
              ALLOW: snapshotOf(yaml, { ...xfcc, ambiguousPaths, defaultAction: 'ALLOW', fingerprint: 'a' }),
              DENY: snapshotOf(yaml, { ...xfcc, ambiguousPaths, defaultAction: 'DENY', fingerprint: 'd' }),
            };
            const caching = testService(snapshots.DENY, { askForProof });
            let nowMs = NOW_MS;
            for (const { request, change, browser, clockMs, defaultAction } of steps) {
              nowMs += clockMs;
              caching.nowMs = nowMs;
              if (defaultAction !== null) caching.snapshot = snapshots[defaultAction];
              // A service that has never seen anything: neither kept decisions nor answers.
              const fresh = testService(caching.snapshot, { askForProof, cache: { maxEntries: 0, ttlSeconds: 60 } });
              fresh.nowMs = nowMs;
              const changedOne = change === null ? requests[request]! : change(requests[request]!);
              const each = browser ? asPage(changedOne) : changedOne;
              expect(withoutId(caching.check(each))).toBe(withoutId(fresh.check(each)));
            }
            expect(caching.errors).toEqual([]);
            for (const { httpStatus } of caching.records) if (httpStatus === 302) redirects++;
            hits += caching.service.cache.statistics.hits;
            recent += caching.service.cache.statistics.foundElsewhere;
          },
        ),
        PARAMETERS,
      );
      // Else nothing was tested.
      expect(hits).toBeGreaterThan(PARAMETERS.numRuns);
      expect(redirects).toBeGreaterThan(0);
      expect(recent).toBeGreaterThan(PARAMETERS.numRuns);
    },
    TIMEOUT_MS,
  );
});
