/** What proves who asks, as numbers: label values come from policies and the configuration, and there are so many at most. */

/** What identity/authenticator.ts tells of itself, as far as it is counted; `…Ms`: milliseconds since the epoch. */
export interface IdentityState {
  readonly keys: readonly {
    /** Ids; never empty. */
    readonly providers: readonly string[];
    readonly state: 'fresh' | 'stale' | 'none';
    readonly keys: number;
    readonly lastSuccessMs: number | null;
    readonly fetches: Readonly<Record<string, number>>;
  }[];
  readonly introspection: readonly {
    readonly client: string;
    readonly breaker: 'closed' | 'open' | 'half-open';
    readonly requests: Readonly<Record<string, number>>;
  }[];
  /** null: no list is configured. */
  readonly revocation: {
    readonly state: 'fresh' | 'stale' | 'none';
    readonly entries: number;
    readonly lastSuccessMs: number | null;
  } | null;
  readonly tokens: { readonly entries: number; readonly bytes: number };
  readonly outcomes: Readonly<Record<string, number>>;
  readonly listenersWithoutPrincipal: number;
}

/** A number with the values of its metric's attributes, in the order in which names.ts lists them. */
export type Point = readonly [value: number, ...attributes: readonly string[]];

export interface IdentityPoints {
  readonly authentications: readonly Point[];
  readonly keyFetches: readonly Point[];
  readonly keys: readonly Point[];
  readonly keysStale: readonly Point[];
  readonly keysAge: readonly Point[];
  readonly introspections: readonly Point[];
  readonly breakerOpen: readonly Point[];
  readonly tokenEntries: readonly Point[];
  readonly tokenBytes: readonly Point[];
  readonly revocationEntries: readonly Point[];
  readonly revocationStale: readonly Point[];
  readonly revocationAge: readonly Point[];
  readonly listenersWithoutPrincipal: readonly Point[];
}

/** Sources of keys, and clients, that have series of their own; the rest shares one label value. */
const MAX_SERIES = 100;
const OTHERS = 'others';

export function identityPoints(state: IdentityState, nowMs: number): IdentityPoints {
  const { introspection, revocation, tokens, outcomes } = state;
  const age = (lastSuccessMs: number | null): number | null =>
    lastSuccessMs === null ? null : Math.max(0, nowMs - lastSuccessMs) / 1000;
  const sources = labelled(state.keys, ({ providers }) => providers[0] ?? '');
  const clients = labelled(introspection, ({ client }) => client);
  return {
    authentications: counts(outcomes),
    keyFetches: sources.flatMap(([label, all]) => counts(sums(all.map(({ fetches }) => fetches)), label)),
    keys: sources.map(([label, all]): Point => [total(all.map(({ keys }) => keys)), label]),
    keysStale: sources.map(([label, all]): Point => [all.some((each) => each.state !== 'fresh') ? 1 : 0, label]),
    keysAge: sources.flatMap(([label, all]) =>
      oldest(
        all.map((each) => age(each.lastSuccessMs)),
        label,
      ),
    ),
    introspections: clients.flatMap(([label, all]) => counts(sums(all.map(({ requests }) => requests)), label)),
    breakerOpen: clients.map(([label, all]): Point => [all.some(({ breaker }) => breaker !== 'closed') ? 1 : 0, label]),
    tokenEntries: [[tokens.entries]],
    tokenBytes: [[tokens.bytes]],
    revocationEntries: revocation === null ? [] : [[revocation.entries]],
    revocationStale: revocation === null ? [] : [[revocation.state === 'fresh' ? 0 : 1]],
    revocationAge: revocation === null ? [] : oldest([age(revocation.lastSuccessMs)]),
    listenersWithoutPrincipal: [[state.listenersWithoutPrincipal]],
  };
}

type Labelled<Value> = readonly (readonly [label: string, values: readonly Value[]])[];

/** By label, so that no series is there twice. */
function labelled<Value>(values: readonly Value[], labelOf: (value: Value) => string): Labelled<Value> {
  const groups = new Map<string, Value[]>();
  for (const value of values) {
    const own = labelOf(value);
    const label = groups.has(own) || groups.size < MAX_SERIES ? own : OTHERS;
    const group = groups.get(label);
    if (group === undefined) groups.set(label, [value]);
    else group.push(value);
  }
  return [...groups];
}

function counts(numbers: Readonly<Record<string, number>>, ...labels: readonly string[]): readonly Point[] {
  return Object.entries(numbers).map(([result, count]) => [count, ...labels, result]);
}

function sums(records: readonly Readonly<Record<string, number>>[]): Readonly<Record<string, number>> {
  const all = new Map<string, number>();
  for (const record of records)
    for (const [name, count] of Object.entries(record)) all.set(name, (all.get(name) ?? 0) + count);
  return Object.fromEntries(all);
}

function total(numbers: readonly number[]): number {
  return numbers.reduce((sum, each) => sum + each, 0);
}

/** None where nothing was ever fetched. */
function oldest(ages: readonly (number | null)[], ...labels: readonly string[]): readonly Point[] {
  const known = ages.filter((each) => each !== null);
  return known.length === 0 ? [] : [[Math.max(...known), ...labels]];
}
