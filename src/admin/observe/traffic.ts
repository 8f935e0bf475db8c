/**
 * Who was seen calling what. Every check counts while there are few in a second; beyond that one in so many does, for as
 * many. The table is bounded: what finds no room is counted as others.
 */
import type { Workload } from '../../attributes/workload.ts';
import type { CheckRecord } from '../../extauthz/check-record.ts';
import { visibleBytes } from '../../lib/visible-text.ts';
import type { DecidedRule } from '../../pdp/decision.ts';
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';
import { PathPatterns } from './path-pattern.ts';
import type { Edge, EdgeWorkload, ObservedTraffic } from './questions.ts';

/** In a second; some microseconds each. */
const COUNTED_IN_FULL = 64;
/** What one costs, spread over so many, is nothing beside a check. */
const ONE_IN = 256;
const WINDOW_MS = 1000;
const MAX_EDGES = 2000;
/** No more of them are ever without a rule: those anybody can make. */
const MAX_RULELESS = MAX_EDGES / 2;
/** Edges that were not seen for so long give way when there is no room. */
const STALE_MS = 10 * 60_000;
const MAX_CALLER_BYTES = 256;
const MAX_NAME_BYTES = 253;
const MAX_LABELS = 16;
/** RFC 9110 §9.3 and RFC 5789; others a caller can make up. */
const METHODS: ReadonlySet<string> = new Set([
  ...['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH'],
]);

/** Its request is asked for only where it counts. */
export type SeenCheck = Pick<CheckRecord, 'timeMs' | 'request' | 'workload'>;

type Counted = { -readonly [Key in keyof Edge]: Edge[Key] };

export class Traffic {
  readonly #ruleOf: (rule: DecidedRule) => CompiledRule | null;
  readonly #edges = new Map<string, Counted>();
  readonly #patterns = new PathPatterns();
  readonly #sinceMs: number;
  #ruleless = 0;
  #other = { allowed: 0, denied: 0 };
  #exact = true;
  #windowEndMs = 0;
  #inFull = 0;
  #untilNext = ONE_IN;
  #sweptMs = 0;

  /** `ruleOf`: the rule of the policies in force that decided; null: it is of others. */
  constructor(ruleOf: (rule: DecidedRule) => CompiledRule | null, sinceMs: number) {
    this.#ruleOf = ruleOf;
    this.#sinceMs = sinceMs;
  }

  see(check: SeenCheck, allowed: boolean, rule: DecidedRule | null): void {
    const { timeMs } = check;
    // A clock that was set back begins a window, too.
    if (timeMs >= this.#windowEndMs || timeMs < this.#windowEndMs - WINDOW_MS) {
      this.#windowEndMs = timeMs + WINDOW_MS;
      this.#inFull = COUNTED_IN_FULL;
    }
    if (this.#inFull > 0) {
      this.#inFull -= 1;
      this.#count(check, allowed, rule, 1);
    } else {
      this.#exact = false;
      if (--this.#untilNext > 0) return;
      this.#untilNext = ONE_IN;
      this.#count(check, allowed, rule, ONE_IN);
    }
  }

  read(): ObservedTraffic {
    return {
      sinceMs: this.#sinceMs,
      exact: this.#exact,
      edges: [...this.#edges.values()],
      other: { ...this.#other },
    };
  }

  #count({ timeMs, request, workload }: SeenCheck, allowed: boolean, rule: DecidedRule | null, weight: number): void {
    const counter = allowed ? 'allowed' : 'denied';
    if (request === null) {
      this.#other[counter] += weight;
      return;
    }
    const compiled = rule === null ? null : this.#ruleOf(rule);
    const caller = request.peer.uris[0] ?? request.peer.names[0] ?? null;
    const fields = {
      caller: caller === null ? null : visibleBytes(caller, MAX_CALLER_BYTES),
      workload: workload === null ? null : shownWorkload(workload),
      method: METHODS.has(request.method) ? request.method : 'OTHER',
      path: this.#patterns.of(request, compiled),
      policy: rule?.policy.name ?? null,
      kind: rule?.policy.kind ?? null,
      rule: rule === null ? null : (rule.name ?? rule.index),
    };
    const key = JSON.stringify(fields);
    const edge = this.#edges.get(key);
    if (edge !== undefined) {
      edge[counter] += weight;
      edge.lastSeenMs = timeMs;
    } else if (this.#hasRoom(rule === null, timeMs)) {
      if (rule === null) this.#ruleless += 1;
      this.#edges.set(key, { ...fields, allowed: 0, denied: 0, lastSeenMs: timeMs, [counter]: weight });
    } else this.#other[counter] += weight;
  }

  #hasRoom(ruleless: boolean, nowMs: number): boolean {
    const isFull = (): boolean => this.#edges.size >= MAX_EDGES || (ruleless && this.#ruleless >= MAX_RULELESS);
    if (!isFull()) return true;
    if (nowMs - this.#sweptMs < STALE_MS / 10) return false;
    this.#sweptMs = nowMs;
    for (const [key, edge] of this.#edges) {
      if (nowMs - edge.lastSeenMs < STALE_MS) continue;
      this.#edges.delete(key);
      if (edge.rule === null) this.#ruleless -= 1;
      this.#other.allowed += edge.allowed;
      this.#other.denied += edge.denied;
    }
    return !isFull();
  }
}

function shownWorkload({ namespace, serviceAccount, labels }: Workload): EdgeWorkload {
  const shown = (text: string | null): string | null => (text === null ? null : visibleBytes(text, MAX_NAME_BYTES));
  return {
    namespace: shown(namespace),
    serviceAccount: shown(serviceAccount),
    labels:
      labels === null
        ? null
        : Object.fromEntries(
            [...labels]
              .sort(([a], [b]) => (a < b ? -1 : 1))
              .slice(0, MAX_LABELS)
              .map(([name, value]) => [visibleBytes(name, MAX_NAME_BYTES), visibleBytes(value, MAX_NAME_BYTES)]),
          ),
  };
}
