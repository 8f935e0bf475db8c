/** What several processes tell of the same providers, as if one had told it. */
import type { IdentityState } from './identity-points.ts';

/** All but what is counted by listener. */
export type ProofState = Omit<IdentityState, 'listenersWithoutPrincipal'>;

const KEY_STATES = ['fresh', 'stale', 'none'] as const;
const BREAKER_STATES = ['closed', 'half-open', 'open'] as const;

/**
 * Counters are added up. Of states the worst counts, and of times the earliest: one process without keys refuses its
 * share of the callers. Keys, and entries of the revocation list, are the same ones in each, so the least counts.
 */
export function mergeProofStates<State extends ProofState>(first: State, ...others: readonly State[]): State {
  const all = [first, ...others];
  const lists = all.flatMap(({ revocation }) => (revocation === null ? [] : [revocation]));
  return {
    ...first,
    keys: groups(
      all.flatMap(({ keys }) => keys),
      ({ providers }) => providers.join('\n'),
    ).map((same) => ({
      ...worst(same, ({ state }) => KEY_STATES.indexOf(state)),
      keys: Math.min(...same.map(({ keys }) => keys)),
      lastSuccessMs: earliest(same.map(({ lastSuccessMs }) => lastSuccessMs)),
      fetches: addNumbers(same.map(({ fetches }) => fetches)),
    })),
    introspection: groups(
      all.flatMap(({ introspection }) => introspection),
      (each) => JSON.stringify([each.client, (each as { readonly endpoint?: string }).endpoint]),
    ).map((same) => ({
      ...worst(same, ({ breaker }) => BREAKER_STATES.indexOf(breaker)),
      requests: addNumbers(same.map(({ requests }) => requests)),
    })),
    revocation:
      lists.length === 0
        ? null
        : {
            ...worst(lists, ({ state }) => KEY_STATES.indexOf(state)),
            entries: Math.min(...lists.map(({ entries }) => entries)),
            lastSuccessMs: earliest(lists.map(({ lastSuccessMs }) => lastSuccessMs)),
          },
    tokens: {
      entries: all.reduce((sum, { tokens }) => sum + tokens.entries, 0),
      bytes: all.reduce((sum, { tokens }) => sum + tokens.bytes, 0),
    },
    outcomes: addNumbers(all.map(({ outcomes }) => outcomes)),
  };
}

/** The sum of each name's numbers. */
export function addNumbers<Numbers extends Readonly<Record<string, number>>>(all: readonly Numbers[]): Numbers {
  const sums = new Map<string, number>();
  for (const each of all)
    for (const [name, value] of Object.entries(each)) sums.set(name, (sums.get(name) ?? 0) + value);
  return Object.fromEntries(sums) as Numbers;
}

function groups<Value>(values: readonly Value[], keyOf: (value: Value) => string): (readonly [Value, ...Value[]])[] {
  const byKey = new Map<string, [Value, ...Value[]]>();
  for (const value of values) {
    const group = byKey.get(keyOf(value));
    if (group === undefined) byKey.set(keyOf(value), [value]);
    else group.push(value);
  }
  return [...byKey.values()];
}

function worst<Value>(values: readonly Value[], badness: (value: Value) => number): Value {
  return values.reduce((one, other) => (badness(other) > badness(one) ? other : one));
}

/** null: one of them has never had anything. */
function earliest(times: readonly (number | null)[]): number | null {
  return times.reduce((one, other) => (one === null || other === null ? null : Math.min(one, other)));
}
