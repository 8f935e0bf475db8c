import { describe, expect, it } from '@jest/globals';
import { readCheckRequest } from '../../src/extauthz/check-request.ts';
import { pose } from '../../src/extauthz/evaluate.ts';
import { decide } from '../../src/pdp/decide.ts';
import { loadPolicySet } from '../../src/policy/load.ts';
import { linearScan } from '../../src/policy-index/linear-scan.ts';
import { compileSnapshot } from '../../src/policy-index/snapshot.ts';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { LIMITS, SETTINGS } from '../extauthz/support/engine.ts';
import { readVectors } from './vectors.ts';
import type { VectorSet } from './vectors.ts';

/** Istio keeps these and drops their malformed condition, which makes a DENY wider: here they refuse the set. */
const REFUSED_SETS = ['p-962-odd-key-3-allow', 'p-963-odd-key-3-deny'];

/** In the joined form a comma may be part of a value or a seam between two lines: denied where the two differ. */
const JOINED_DENIALS: Readonly<Record<'p' | 'b', number>> = { p: 11, b: 6 };

const JWT_METADATA = 'envoy.filters.http.jwt_authn';

describe.each(['p', 'b'] as const)('the decisions of the real Istio and Envoy, set %s', (name) => {
  const sets = readVectors(name);

  it(`are ours with header lines apart, by the index and by the scan (${String(sets.length)} policy sets)`, () => {
    const wrong: string[] = [];
    const refused: string[] = [];
    let opened = 0;
    let closed = 0;
    for (const set of sets) {
      const indexed = snapshotOf(set);
      const scanned = snapshotOf(set, linearScan);
      if (indexed === null || scanned === null) {
        refused.push(set.id);
        continue;
      }
      for (const request of set.requests) {
        const raw = Buffer.from(request.raw, 'base64');
        for (const snapshot of [indexed, scanned])
          if (outcome(raw, snapshot) !== request.expect) wrong.push(`${set.id} ${request.id}`);
        const joined = outcome(Buffer.from(request.joined, 'base64'), indexed);
        if (joined === 'allow' && request.expect === 'deny') opened++;
        if (joined === 'deny' && request.expect === 'allow') closed++;
      }
    }
    expect(wrong).toEqual([]);
    expect(refused).toEqual(name === 'p' ? REFUSED_SETS : []);
    expect({ opened, closed }).toEqual({ opened: 0, closed: JOINED_DENIALS[name] });
  }, 60_000);
});

function snapshotOf(set: VectorSet, makeIndex?: typeof linearScan): PolicySnapshot | null {
  const { namespace, labels, trustDomain, trustDomainAliases = [] } = set.workload;
  const language = { rootNamespace: 'istio-system', trustDomain, trustDomainAliases, jwtMetadata: JWT_METADATA };
  const workloads = set.addresses.map((address, i) => ({
    apiVersion: 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: { name: `w${String(i)}`, namespace },
    spec: { address, labels },
  }));
  const { set: policies } = loadPolicySet(
    [
      { path: `${set.id}.yaml`, text: set.policies },
      { path: 'workloads.json', text: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: workloads }) },
    ],
    { ...language, allowEmpty: true, remoteIpConfigured: true },
  );
  if (policies === null) return null;
  const settings = {
    ...SETTINGS,
    ...language,
    defaultAction: 'ALLOW' as const,
    ambiguousPaths: 'evaluate' as const,
    clientIp: set.envoy,
  };
  return compileSnapshot(policies, settings, makeIndex).snapshot;
}

function outcome(bytes: Buffer, snapshot: PolicySnapshot): 'allow' | 'deny' {
  const view = readCheckRequest(bytes);
  if (view === null) throw new Error('no CheckRequest');
  const question = pose(view, snapshot, LIMITS);
  const { allowed } =
    question.refused ?? decide(question.scope, snapshot.settings, question.request, { nowMs: Date.now(), ttlMs: 0 });
  return allowed ? 'allow' : 'deny';
}
