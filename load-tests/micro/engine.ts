/**
 * The engine as the benchmarks use it: the one file here that knows how policies are compiled and asked.
 *
 * A decision is what the service does between the wire and the answer: new {@link RequestAttributes} over a message
 * whose fields have been found (strings are made of its bytes when they are asked for, as when serving), the scope of
 * the workload, then the key and the cache, or the rules.
 */
import { RequestAttributes } from '../../src/attributes/request-attributes.ts';
import type { PeerIdentity } from '../../src/attributes/peer-identity.ts';
import type { Workload } from '../../src/attributes/workload.ts';
import { readCheckRequest } from '../../src/extauthz/check-request.ts';
import type { CheckRequestView } from '../../src/extauthz/check-request.ts';
import { RecentChecks } from '../../src/extauthz/recent-checks.ts';
import { identify } from '../../src/identity/identify.ts';
import { decide } from '../../src/pdp/decide.ts';
import type { Decision } from '../../src/pdp/decision.ts';
import { DecisionCache } from '../../src/pdp/decision-cache.ts';
import { resolveWorkload } from '../../src/pdp/resolve-workload.ts';
import { linearScan } from '../../src/policy-index/linear-scan.ts';
import type { PolicySet } from '../../src/policy/model.ts';
import { compileSnapshot } from '../../src/policy-index/snapshot.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import type { Scope } from '../../src/policy-index/scope.ts';
import { NOW_MS, SETTINGS, checkRequest, told } from '../../test/extauthz/support/engine.ts';
import type { Ask } from '../../test/extauthz/support/engine.ts';

const TTL_MS = 60_000;

/** A request with everything done that is none of the engine's business: received, walked, its certificate parsed. */
export interface Prepared {
  readonly bytes: Uint8Array;
  view: CheckRequestView;
  readonly peer: PeerIdentity;
  readonly workload: Workload;
}

export interface Engine {
  readonly snapshot: PolicySnapshot;
  prepare(ask: Ask): Prepared;
  /** Walks the message anew, as it is walked just before it is decided: so it lies in the processor's caches then. */
  receive(prepared: Prepared): void;
  /** Makes ready what is made when a workload is first asked for. */
  scopeOf(prepared: Prepared): Scope;
  /** Uncached. */
  decide(prepared: Prepared): Decision;
  /** From the cache; decided and kept when it is not there. */
  decideCached(prepared: Prepared): Decision;
  /** Decisions that came from the cache. */
  cacheHits(): number;
}

/** Throws when the set does not compile. `cacheEntries`: decisions kept. */
export function buildEngine(set: PolicySet, cacheEntries: number): Engine {
  return engineOf(compiled(set, compileSnapshot(set, SETTINGS)), cacheEntries);
}

/** The oracle: every rule asked in turn. */
export function buildScan(set: PolicySet): Engine {
  return engineOf(compiled(set, compileSnapshot(set, SETTINGS, linearScan)), 0);
}

function compiled(set: PolicySet, { snapshot, diagnostics }: ReturnType<typeof compileSnapshot>): PolicySnapshot {
  if (snapshot === null) throw new Error(`a set of ${set.policies.length} policies: ${diagnostics[0]?.message ?? ''}`);
  return snapshot;
}

function engineOf(snapshot: PolicySnapshot, cacheEntries: number): Engine {
  const cache = new DecisionCache<Decision>({ maxEntries: cacheEntries });
  const recent = new RecentChecks<Decision>(cacheEntries);
  let hits = 0;
  const scopeOf = ({ workload }: Prepared): Scope => {
    const scope = snapshot.scopeOf(workload);
    if (scope === null) throw new Error('a workload of which too little is known');
    return scope;
  };
  const attributesOf = ({ view, peer, workload }: Prepared): RequestAttributes => {
    const request = new RequestAttributes(view, SETTINGS, () => peer);
    request.workload = workload;
    return request;
  };
  const options = { nowMs: NOW_MS, ttlMs: TTL_MS };
  return {
    snapshot,
    scopeOf,
    prepare(ask) {
      const bytes = checkRequest(ask);
      const view = walked(bytes);
      const proof = {
        principal: view.sourcePrincipal,
        certificate: view.sourceCertificate,
        forwardedClientCert: view.header('x-forwarded-client-cert'),
      };
      const peer = identify(proof, SETTINGS.xfcc);
      const workload = resolveWorkload(new RequestAttributes(view, SETTINGS, () => peer), snapshot);
      if (workload === 'conflict') throw new Error('sources that contradict each other about the workload');
      return { bytes, view, peer, workload };
    },
    receive(prepared) {
      prepared.view = walked(prepared.bytes);
    },
    decide: (prepared) => decide(scopeOf(prepared), SETTINGS, attributesOf(prepared), options),
    decideCached(prepared) {
      const { view, workload } = prepared;
      const seen = recent.find(view, NOW_MS);
      if (seen !== null) {
        hits++;
        return seen.value;
      }
      const scope = scopeOf(prepared);
      const request = attributesOf(prepared);
      const key = cache.key(scope, request, '/');
      const known = cache.find(key, NOW_MS);
      if (known !== null) {
        hits++;
        recent.keep(view, scope, { workload, value: known.value }, known);
        return known.value;
      }
      const decided = decide(scope, SETTINGS, request, options);
      cache.set(key, decided, NOW_MS, decided.keepUntilMs);
      return decided;
    },
    cacheHits: () => hits,
  };
}

/** `allow_rule istio-system/p-000001[3]`, `no_rule_matched`: what requests of shapes are known to be answered. */
export function outcome(decision: Decision): string {
  return told(decision);
}

/** A number for what decided: for comparing within a timed loop. */
export function outcomeNumber(decision: Decision): number {
  return decision.rule === null ? -1 : decision.rule.ordinal;
}

function walked(bytes: Uint8Array): CheckRequestView {
  const view = readCheckRequest(bytes);
  if (view === null) throw new Error('no CheckRequest');
  return view;
}
