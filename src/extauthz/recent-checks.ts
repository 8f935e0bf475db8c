/**
 * What was asked lately, word for word: found by the bytes of the message that the answer depends on, before any
 * of them is interpreted. In front of the decision cache, whose keys are made of what the bytes mean.
 *
 * Two looks: the bytes that tell which workload is called, then those that this workload's policies, the gate, and
 * the answer read. All of a header or a field counts, never a part of it.
 */
import type { Workload } from '../attributes/workload.ts';
import { proofPlaces } from '../identity/authenticator.ts';
import type { ProofPlaces } from '../identity/plan.ts';
import { isAlive } from '../pdp/decision-cache.ts';
import type { Life } from '../pdp/decision-cache.ts';
import type { Read } from '../policy/compile/read-set.ts';
import type { Scope } from '../policy-index/scope.ts';
import type { CheckRequestView, RawReads } from './check-request.ts';
import { SpanKey, SpanTable } from './span-table.ts';

interface Place {
  /** Unlike that of any other scope. */
  readonly scopeId: number;
  readonly workload: Workload;
  /** null: what is read is too much to be compared. */
  readonly reads: RawReads | null;
}

export interface Recent<Value> {
  readonly workload: Workload;
  readonly value: Value;
}

interface Kept<Value> extends Recent<Value>, Life {}

/** With keys of 4 KiB at most, 64 MiB each at the very worst. */
const MAX_PLACES = 16_384;
const MAX_CHECKS = 16_384;

export class RecentChecks<Value> {
  readonly #places: SpanTable<Place>;
  readonly #checks: SpanTable<Kept<Value>>;
  readonly #key = new SpanKey();

  /** `maxEntries`: see the decision cache; 0: nothing is kept. */
  constructor(maxEntries: number) {
    this.#places = new SpanTable(Math.min(maxEntries, MAX_PLACES));
    this.#checks = new SpanTable(Math.min(maxEntries, MAX_CHECKS));
    this.#isOff = maxEntries === 0;
  }

  readonly #isOff: boolean;

  find(view: CheckRequestView, nowMs: number, monotonicMs = performance.now()): Recent<Value> | null {
    if (this.#isOff || !this.#pointTo(view)) return null;
    const kept = this.#checks.find(this.#key);
    return kept !== undefined && isAlive(kept, nowMs, monotonicMs) ? kept : null;
  }

  /** The key holds what the answer to this message depends on. */
  #pointTo(view: CheckRequestView): boolean {
    const key = this.#key;
    view.startKey(key);
    view.addWorkload(key);
    const place = this.#places.find(key);
    if (place === undefined || place.reads === null) return false;
    view.startKey(key);
    key.addNumber(place.scopeId);
    view.addReads(key, place.reads);
    return !key.isFull;
  }

  keep(
    view: CheckRequestView,
    scope: Scope,
    { workload, value }: Recent<Value>,
    { fromMs, untilMs, untilMonotonicMs }: Life,
  ): void {
    if (this.#isOff) return;
    const key = this.#key;
    view.startKey(key);
    view.addWorkload(key);
    if (this.#places.find(key)?.scopeId !== scope.id)
      this.#places.keep(key, { scopeId: scope.id, workload, reads: readsOf(scope) });
    if (this.#pointTo(view)) this.#checks.keep(key, { workload, value, fromMs, untilMs, untilMonotonicMs });
  }

  clear(): void {
    this.#places.clear();
    this.#checks.clear();
  }
}

function readsOf({ keyReads, authentications }: Scope): RawReads | null {
  const places = authentications.length === 0 ? null : proofPlaces(authentications);
  return rawReads(
    keyReads.map(({ read }) => read),
    places,
  );
}

/** What the answer depends on; null: on everything, or on more than one message. `places`: where proofs are looked for. */
export function rawReads(reads: readonly Read[], places: ProofPlaces | null = null): RawReads | null {
  if (places?.once === true) return null;
  const kinds = new Set(reads.map(({ kind }) => kind));
  if (kinds.has('headers')) return null;
  const headers = new Set<string>(places?.headers);
  for (const read of reads) if (read.kind === 'header') headers.add(read.name);
  const peer = kinds.has('peer') || kinds.has('certificate') || places?.certificate === true;
  if (kinds.has('remoteIp')) headers.add('x-forwarded-for');
  if (kinds.has('tokenPresence')) headers.add('authorization');
  return {
    headers: [...headers].sort(),
    scheme: kinds.has('scheme') || headers.has(':scheme'),
    protocol: kinds.has('protocol'),
    size: kinds.has('size'),
    peer,
    sourceAddress: kinds.has('sourceIp') || kinds.has('remoteIp'),
    destination: kinds.has('destination') || kinds.has('destinationPrincipal'),
    sni: kinds.has('sni'),
    // Envoy may have verified a token, too: it must be nobody else's.
    metadata:
      places !== null ||
      (['claim', 'claims', 'metadata', 'tokenSubject', 'tokenPresence'] as const).some((kind) => kinds.has(kind)),
  };
}
