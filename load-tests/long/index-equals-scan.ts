/** The index decides as a scan of all rules does: on sets and requests of the property tests, and on the shapes. */
import fc from 'fast-check';
import { decideOffline } from '../../src/extauthz/offline.ts';
import { linearScan } from '../../src/policy-index/linear-scan.ts';
import type { DecisionSettings } from '../../src/policy-index/settings.ts';
import { LIMITS, NOW_MS, TEXTS, checkRequest, policySet, snapshotOf } from '../../test/extauthz/support/engine.ts';
import { ask, policies } from '../../test/property/arbitraries.ts';
import { random } from '../lib/random.ts';
import { buildEngine, buildScan, outcome } from '../micro/engine.ts';
import { SHAPES } from '../micro/shapes/all.ts';
import { policySetOf } from '../micro/shapes/shape.ts';
import type { Stage } from './stage.ts';

const REQUESTS_A_SET = 12;
/** Cases between two reports. */
const REPORT_EVERY = 10_000;

const settings: fc.Arbitrary<Partial<DecisionSettings>> = fc.record({
  defaultAction: fc.constantFrom('ALLOW', 'DENY'),
  ambiguousPaths: fc.constantFrom('deny', 'evaluate'),
  jwtMetadata: fc.constantFrom('envoy.filters.http.jwt_authn', ''),
  trustDomainAliases: fc.constantFrom([], ['other.example']),
});

export const generatedSets: Stage = {
  name: 'index',
  about: 'generated policy sets of both kinds and requests: the index answers as a scan of all rules does',
  count: 200_000,
  run({ count, seed, progress }) {
    let done = 0;
    let allowed = 0;
    let byRule = 0;
    const property = fc.property(
      policies,
      settings,
      fc.array(ask, { minLength: REQUESTS_A_SET, maxLength: REQUESTS_A_SET }),
      (yaml, some, asked) => {
        const set = policySet(yaml);
        const options = { limits: LIMITS, texts: TEXTS, nowMs: NOW_MS };
        const indexed = { ...options, snapshot: snapshotOf(set, some) };
        const scanned = { ...options, snapshot: snapshotOf(set, some, linearScan) };
        for (const each of asked) {
          const bytes = checkRequest(each);
          const fromIndex = decideOffline(bytes, indexed);
          const fromScan = decideOffline(bytes, scanned);
          if (JSON.stringify(fromIndex) !== JSON.stringify(fromScan))
            throw new Error(
              `${JSON.stringify(each)}\n  index: ${JSON.stringify(fromIndex)}\n  scan:  ${JSON.stringify(fromScan)}`,
            );
          if (fromIndex?.decision === 'allow') allowed++;
          if (fromIndex?.policy != null) byRule++;
          if (++done % REPORT_EVERY === 0) progress(done);
        }
      },
    );
    const details = fc.check(property, { numRuns: Math.ceil(count / REQUESTS_A_SET), seed });
    return {
      done,
      failure: details.failed ? (fc.defaultReportMessage(details) ?? 'failed') : null,
      note: `${allowed} allowed, ${byRule} decided by a rule`,
    };
  },
};

/** Enough for every list of an index to have several entries. */
const RULES = 600;

export const shapes: Stage = {
  name: 'shapes',
  about: 'the shapes of the benchmark, adversarial ones too: index, scan and what is known by construction agree',
  count: 40_000,
  run({ count, seed, progress }) {
    let done = 0;
    const perKind = Math.ceil(count / SHAPES.reduce((sum, shape) => sum + shape.part(RULES).kinds.length, 0));
    for (const shape of SHAPES) {
      const part = shape.part(RULES);
      const from = random(seed);
      const index = buildEngine(policySetOf(part), 1000);
      const scan = buildScan(policySetOf(part));
      for (const kind of part.kinds)
        for (let i = 0; i < perKind; i++) {
          const { ask: asked, expected } = part.request(kind, from);
          const told = [index.decide(index.prepare(asked)), scan.decide(scan.prepare(asked))].map(outcome);
          // Twice, so that the second comes from the cache.
          told.push(
            outcome(index.decideCached(index.prepare(asked))),
            outcome(index.decideCached(index.prepare(asked))),
          );
          if (told.some((each) => each !== expected)) {
            const what = `shape ${shape.name}, ${RULES} rules, ${kind} ${i}: ${JSON.stringify(asked)}`;
            return { done, failure: `${what}\n  expected ${expected}; index, scan, cache twice: ${told.join('; ')}` };
          }
          done++;
        }
      progress(done);
    }
    return { done, failure: null };
  },
};
