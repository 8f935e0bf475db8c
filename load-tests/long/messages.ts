/** Whatever bytes a CheckRequest is made of: it is read or refused, answered, and never an error that nobody meant. */
import fc from 'fast-check';
import { CheckService } from '../../src/extauthz/service.ts';
import { readCheckRequest } from '../../src/extauthz/check-request.ts';
import type { CheckRequestView } from '../../src/extauthz/check-request.ts';
import { WireError } from '../../src/extauthz/wire/reader.ts';
import {
  JWT_NAMESPACE,
  LIMITS,
  NO_IDENTITY,
  NOW_MS,
  TEXTS,
  checkRequest,
  snapshotOf,
} from '../../test/extauthz/support/engine.ts';
import { ask, policies } from '../../test/property/arbitraries.ts';
import { random } from '../lib/random.ts';
import { mutated, shrunk } from './mutate.ts';
import type { Stage } from './stage.ts';

const GOOD_MESSAGES = 400;
const POLICY_SETS = 24;
const REPORT_EVERY = 50_000;

/** Reads all there is, as some policy might. Gives back something, so that nothing is left out. */
function readAll(view: CheckRequestView): unknown[] {
  return [
    ...view.headerNames().map((name) => view.header(name)),
    ...[view.header('x-forwarded-for'), view.underscoredNames(), view.hasContradictingHeaders()],
    ...[view.metadata(JWT_NAMESPACE), view.destinationLabels, view.contextExtensions, view.headerStatistics],
    ...[view.method, view.target, view.authority, view.scheme, view.protocol, view.requestId, view.sni, view.timeMs],
    ...[view.sourceAddress, view.sourcePrincipal, view.sourceCertificate],
    ...[view.destinationAddress, view.destinationPrincipal],
  ];
}

export const messages: Stage = {
  name: 'messages',
  about: 'mutated CheckRequests: read or refused, every read one answered, no error but a WireError',
  count: 1_000_000,
  run({ count, seed, progress }) {
    const good = fc.sample(ask, { numRuns: GOOD_MESSAGES, seed }).map(checkRequest);
    const snapshots = fc.sample(policies, { numRuns: POLICY_SETS, seed }).map((yaml) => snapshotOf(yaml));
    const from = random(seed);
    let snapshot = snapshots[0]!;
    const unexpected: string[] = [];
    let read = 0;
    const service = new CheckService({
      snapshot: () => snapshot,
      identity: NO_IDENTITY,
      limits: LIMITS,
      cache: { maxEntries: 1000, ttlSeconds: 60 },
      texts: TEXTS,
      record: () => undefined,
      onError(error) {
        // What stands where a Struct should is only looked at when a rule asks; the request is denied then.
        if (!(error instanceof WireError)) unexpected.push(String(error));
      },
      now: () => NOW_MS,
    });
    const context = { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true };

    /** null: all is well. */
    function problem(bytes: Uint8Array): string | null {
      unexpected.length = 0;
      try {
        const view = readCheckRequest(bytes);
        if (view !== null) {
          read++;
          try {
            readAll(view);
          } catch (error) {
            if (!(error instanceof WireError)) return `reading: ${String(error)}`;
          }
        }
        const answer = service.check(bytes, context);
        if (unexpected.length > 0) return `answering: ${unexpected.join(', ')}`;
        if ((answer === null) !== (view === null)) return 'answered without having been read, or the reverse';
      } catch (error) {
        return `thrown: ${String(error)}`;
      }
      return null;
    }

    for (let done = 0; done < count; done++) {
      if (done % 1000 === 0) snapshot = from.pick(snapshots);
      const bytes = mutated(good, from);
      const found = problem(bytes);
      if (found !== null) {
        const small = shrunk(bytes, (each) => problem(each) !== null);
        return { done, failure: `${problem(small) ?? found}\n  bytes (hex): ${Buffer.from(small).toString('hex')}` };
      }
      if ((done + 1) % REPORT_EVERY === 0) progress(done + 1);
    }
    return { done: count, failure: null, note: `${read} were read, the others refused` };
  },
};
