/**
 * The last decisions of a process, for people who look: what the decision log would say of them, and the request itself, so
 * that they can be explained. Bounded in number, in bytes and in age.
 */
import { randomBytes } from 'node:crypto';
import type { DecisionEntry } from '../../audit/entry.ts';
import { renderEntry } from '../../audit/render.ts';
import type { ClaimMap } from '../../attributes/claim.ts';
import type { Steps } from '../../lib/steps.ts';
import { reasonFacts } from '../../pdp/reason.ts';
import type { Reason } from '../../pdp/reason.ts';
import type { Cursor, CursorPlace, DecisionFilter, KeptPage, Recalled, ShownDecision } from './questions.ts';

export interface KeptSettings {
  /** Denials; a quarter as many of those that were allowed. */
  readonly maxEntries: number;
  /** Of requests. */
  readonly maxBytes: number;
}

/** Larger ones have bodies in them, which no rule looks at: nobody needs them to tell why. */
export const MAX_REQUEST_BYTES = 64 * 1024;
/** Requests hold tokens: long enough to look into what is going on, and no longer. */
export const MAX_AGE_MS = 15 * 60_000;

export interface Decided {
  readonly entry: DecisionEntry;
  /** null: it was not read, or is not at hand. Copied when it is kept. */
  readonly request: Uint8Array | null;
  readonly proven: ClaimMap | null;
}

interface Kept {
  readonly seq: number;
  readonly entry: DecisionEntry;
  readonly proven: ClaimMap | null;
  request: Uint8Array | null;
  /** Why there is no request. */
  why: string | null;
  shown: ShownDecision | null;
}

const TOO_LARGE = 'the request was too large to be kept';
const NOT_READ = 'the request was refused before it was read';
const TOO_OLD = 'the request is not kept any more';

export class KeptDecisions {
  readonly #settings: KeptSettings;
  readonly #now: () => number;
  readonly #origin = randomBytes(6).toString('hex');
  readonly #denied = new Map<string, Kept>();
  readonly #allowed = new Map<string, Kept>();
  /** Those whose request is there, oldest first. */
  readonly #withRequest = new Set<Kept>();
  #bytes = 0;
  #seq = 0;
  #denials = 0;

  constructor(settings: KeptSettings, now: () => number = Date.now) {
    this.#settings = settings;
    this.#now = now;
  }

  get size(): { readonly entries: number; readonly bytes: number } {
    return { entries: this.#denied.size + this.#allowed.size, bytes: this.#bytes };
  }

  /** A denial, be it kept or not. */
  countDenial(): void {
    this.#denials += 1;
  }

  keep({ entry, request, proven }: Decided): void {
    const fits = request !== null && request.length <= MAX_REQUEST_BYTES;
    const kept: Kept = {
      seq: ++this.#seq,
      entry,
      proven: fits ? proven : null,
      request: fits ? copyOf(request) : null,
      why: fits ? null : request === null ? NOT_READ : TOO_LARGE,
      shown: null,
    };
    const allowed = entry.decision === 'allow';
    const maxEntries = allowed ? Math.ceil(this.#settings.maxEntries / 4) : this.#settings.maxEntries;
    const all = allowed ? this.#allowed : this.#denied;
    if (all.size >= maxEntries) this.#forget(all, all.keys().next().value!);
    all.set(entry.id, kept);
    if (kept.request === null) return;
    this.#withRequest.add(kept);
    this.#bytes += kept.request.length;
    for (const oldest of this.#withRequest) {
      if (this.#bytes <= this.#settings.maxBytes) break;
      this.#dropRequest(oldest);
    }
  }

  /** Drops requests that are too old. */
  sweep(): void {
    const oldestMs = this.#now() - MAX_AGE_MS;
    for (const kept of this.#withRequest) {
      if (kept.entry.timeMs > oldestMs) break;
      this.#dropRequest(kept);
    }
  }

  one(id: string): ShownDecision | null {
    this.sweep();
    const kept = this.#denied.get(id) ?? this.#allowed.get(id);
    return kept === undefined ? null : shownOf(kept);
  }

  recall(id: string): Recalled | null {
    this.sweep();
    const kept = this.#denied.get(id) ?? this.#allowed.get(id);
    if (kept === undefined) return null;
    const { entry, request, why, proven } = kept;
    const copy = request === null ? null : copyOf(request);
    return { shown: shownOf(kept), timeMs: entry.timeMs, revision: entry.revision, request: copy, why, proven };
  }

  *page(since: Cursor, filter: DecisionFilter, limit: number): Steps<KeptPage> {
    this.sweep();
    const from: CursorPlace = since.get(this.#origin) ?? { seq: 0, denials: 0 };
    const place = { seq: this.#seq, denials: this.#denials };
    const fresh = [...this.#denied.values(), ...this.#allowed.values()]
      .filter(({ seq }) => seq > from.seq)
      .sort((a, b) => b.seq - a.seq);
    const matching = fresh.filter(({ entry }) => matches(entry, filter));
    const isDenial = ({ entry }: Kept): boolean => entry.decision === 'deny';
    const unkept = Math.max(0, place.denials - from.denials - fresh.filter(isDenial).length);
    const missed = (filter.decision === 'allow' ? 0 : unkept) + matching.slice(limit).filter(isDenial).length;
    const decisions: ShownDecision[] = [];
    for (const kept of matching.slice(0, limit)) {
      decisions.push(shownOf(kept));
      yield;
    }
    return { origin: this.#origin, place, decisions, missed };
  }

  #forget(all: Map<string, Kept>, id: string): void {
    const kept = all.get(id);
    all.delete(id);
    if (kept !== undefined) this.#dropRequest(kept);
  }

  #dropRequest(kept: Kept): void {
    if (!this.#withRequest.delete(kept)) return;
    this.#bytes -= kept.request?.length ?? 0;
    // Whoever is handed a copy has its own.
    kept.request?.fill(0);
    kept.request = null;
    kept.why = TOO_OLD;
    kept.shown = null;
  }
}

/** In memory of its own: a slice of a pool would keep all of that. */
function copyOf(request: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(request.length);
  copy.set(request);
  return copy;
}

function matches(entry: DecisionEntry, { decision, reason, policy }: DecisionFilter): boolean {
  return (
    (decision === null || entry.decision === decision) &&
    (reason === null || entry.reason === reason) &&
    (policy === null || entry.policy === policy)
  );
}

function shownOf(kept: Kept): ShownDecision {
  kept.shown ??= {
    ...withoutLogFields(kept.entry),
    meaning: reasonFacts(kept.entry.reason as Reason).meaning,
    explainable: kept.request !== null,
  };
  return kept.shown;
}

/** What the log would say, in its words and masked by it, without what belongs to a line of the log. */
function withoutLogFields(entry: DecisionEntry): ShownDecision {
  const {
    level: _level,
    msg: _msg,
    schema: _schema,
    stream: _stream,
    seq: _seq,
    ...shown
  } = JSON.parse(renderEntry(entry, '', 0)) as Record<string, unknown>;
  return shown as ShownDecision;
}
