import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { snapshotOf, testService } from '../extauthz/support/engine.ts';
import { access, policiesYaml } from '../extauthz/support/yaml.ts';
import { CERTIFICATE_CONDITIONS, forwarding, otherCertificate } from './arbitraries.ts';
import { PARAMETERS, TIMEOUT_MS, named } from './runs.ts';

describe(named('a decision about a certificate'), () => {
  it(
    'is that which would be made anew, whose certificate was asked about before',
    () => {
      let allowed = 0;
      let hits = 0;
      fc.assert(
        fc.property(
          fc.uniqueArray(fc.constantFrom(...CERTIFICATE_CONDITIONS), { minLength: 1, maxLength: 2 }),
          forwarding,
          fc.array(otherCertificate, { minLength: 10, maxLength: 20 }),
          (conditions, settings, changes) => {
            const rules = conditions.map((condition) => ({ condition }));
            const snapshot = snapshotOf(policiesYaml([access('ALLOW', ...rules)]), settings);
            const caching = testService(snapshot);
            for (const change of changes) {
              const request = change({});
              const fresh = testService(snapshot, { cache: { maxEntries: 0, ttlSeconds: 60 } });
              caching.check(request);
              fresh.check(request);
              const [ours, anew] = [caching, fresh].map(({ records }) => records.at(-1)!.decision.allowed);
              expect(ours).toBe(anew);
              if (anew === true) allowed++;
            }
            hits += caching.records.filter(({ cache }) => cache === 'hit').length;
          },
        ),
        PARAMETERS,
      );
      // Else nothing was tested.
      expect(allowed).toBeGreaterThan(PARAMETERS.numRuns);
      expect(hits).toBeGreaterThan(PARAMETERS.numRuns);
    },
    TIMEOUT_MS,
  );
});
