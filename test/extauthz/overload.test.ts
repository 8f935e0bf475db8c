/** What a service answers that has more to do than it can do in time. */
import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import type { IdentityOutcome } from '../../src/identity/authenticator.ts';
import { NOW_MS, TEXTS, checkRequest, snapshotOf, testService } from './support/engine.ts';
import type { Ask, TestService } from './support/engine.ts';
import { decodeCheckResponse, fromStruct, pairsOf } from './support/messages.ts';
import type { Json, ReadResponse } from './support/messages.ts';
import { access, operation, policiesYaml, source } from './support/yaml.ts';

const BOUNDS = { maxTurnMs: 10, maxWaiting: 3, errorResponse: false };
const FOREVER = { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true };

const SNAPSHOT = snapshotOf(
  policiesYaml([
    access('ALLOW', operation({ paths: ['/a', '/b', '/c', '/ids/*'] })),
    access('DENY', operation({ paths: ['/c'] })),
  ]),
);

const busy = (options: Parameters<typeof testService>[1] = {}): TestService =>
  testService(SNAPSHOT, { overload: BOUNDS, ...options });

/** Of a check that begins when so much was done in its turn. */
function workUpTo(world: TestService, spentMs: number): void {
  world.endTurn();
  // Refused for its size, before anything else: it only begins the turn, and goes on with it.
  const step = (): unknown => world.service.check(Buffer.alloc(0), { deadlineMs: 0, peerAllowed: true });
  step();
  for (let left = spentMs; left > 5; left -= 5) {
    world.workMs += 5;
    step();
  }
  world.workMs += spentMs % 5 === 0 && spentMs > 0 ? 5 : spentMs % 5;
  world.records.length = 0;
}

const read = (bytes: Uint8Array | null): ReadResponse => decodeCheckResponse(bytes!);
/** The metadata but for the id, which is a field of 43 bytes at the end. */
const metadataOf = (bytes: Uint8Array): Json => fromStruct(read(bytes.subarray(0, -43)).dynamicMetadata);
const reasons = ({ records }: TestService): unknown[] => records.map(({ decision, cache }) => [decision.reason, cache]);

function expectRefused(response: ReadResponse): void {
  expect(response.status?.code).toBe(14);
  expect(response.okResponse).toBeUndefined();
  expect(response.deniedResponse?.status?.code).toBe(503);
  expect(pairsOf(response.deniedResponse?.headers)).toEqual([['retry-after', '1']]);
}

describe('above the bound', () => {
  it('what nothing kept can answer is denied with 503, and says when to come again and why', () => {
    const world = busy();
    workUpTo(world, 11);
    const bytes = world.check({ path: '/a' })!;
    expectRefused(read(bytes));
    expect(metadataOf(bytes)).toEqual({ decision: 'deny', reason: 'overloaded', revision: SNAPSHOT.revision });
    expect(reasons(world)).toEqual([['overloaded', 'miss']]);
    expect(world.records[0]?.request?.path).toBe('/a');
    expect(world.service.load).toEqual({ waiting: 0, refused: { undecided: 1, unread: 0, waiting: 0 } });
  });

  it('is answered what was asked word for word, and what policies cannot tell from it', () => {
    const world = busy();
    world.check({ path: '/a' });
    world.check({ path: '/ids/1' });
    workUpTo(world, 11);
    world.check({ path: '/a' });
    world.check({ path: '/ids/2' });
    world.check({ path: '/b' });
    world.check({ path: '/nowhere' });
    expect(reasons(world)).toEqual([
      ['allow_rule', 'hit'],
      ['allow_rule', 'hit'],
      ['overloaded', 'miss'],
      ['overloaded', 'miss'],
    ]);
  });

  it('what no rule has to be asked about is refused for what it is', () => {
    const world = busy();
    workUpTo(world, 11);
    world.check({ path: '/a/../b' });
    world.check({ path: '/a', destinationPrincipal: '', destinationLabels: {} });
    expect(reasons(world)).toEqual([
      ['malformed_path', 'bypass'],
      ['workload_unresolved', 'bypass'],
    ]);
  });

  it('nothing of a refusal is kept: the same request is decided right afterwards', () => {
    const world = busy();
    for (const spentMs of [11, 21, 0]) {
      workUpTo(world, spentMs);
      world.check({ path: '/a' });
      if (spentMs > 0) expect(reasons(world)).toEqual([['overloaded', spentMs > 20 ? 'bypass' : 'miss']]);
      else expect(reasons(world)).toEqual([['allow_rule', 'miss']]);
    }
  });

  it('no bound is reached by one slow check, nor by two', () => {
    const world = busy();
    for (const path of ['/a', '/b', '/ids/1']) {
      world.check({ path });
      world.workMs += 1000;
    }
    expect(reasons(world)).toEqual([
      ['allow_rule', 'miss'],
      ['allow_rule', 'miss'],
      ['allow_rule', 'miss'],
    ]);
  });

  it('is less for whoever waits for less', () => {
    const world = busy();
    workUpTo(world, 4);
    const ask = (leftMs: number, path: string): unknown =>
      world.service.check(checkRequest({ path }), { deadlineMs: NOW_MS + leftMs, peerAllowed: true });
    ask(4, '/a');
    ask(5, '/b');
    expect(reasons(world)).toEqual([
      ['overloaded', 'miss'],
      ['allow_rule', 'miss'],
    ]);
  });
});

describe('above twice the bound', () => {
  it('only what was asked word for word is answered', () => {
    const world = busy();
    // By its bytes is known what was asked again.
    for (const path of ['/a', '/c', '/ids/1']) for (let i = 0; i < 2; i++) world.check({ path });
    workUpTo(world, 21);
    world.check({ path: '/a' });
    world.check({ path: '/c' });
    const bytes = world.check({ path: '/ids/2' })!;
    expectRefused(read(bytes));
    expect(metadataOf(bytes)).toEqual({ decision: 'deny', reason: 'overloaded' });
    world.check({ path: '/a/../b' });
    expect(reasons(world)).toEqual([
      ['allow_rule', 'hit'],
      ['deny_rule', 'hit'],
      ['overloaded', 'bypass'],
      ['overloaded', 'bypass'],
    ]);
    expect(world.records[2]?.request).toBeNull();
    expect(world.service.load.refused).toEqual({ undecided: 0, unread: 2, waiting: 0 });
  });
});

describe('the answer', () => {
  it('is worded as configured', () => {
    const overloaded = { status: 429, body: 'later\n', headers: new Map([['Retry-After', '7']]) };
    const world = busy({ texts: { ...TEXTS, overloaded } });
    workUpTo(world, 11);
    const { deniedResponse } = read(world.check({ path: '/a' }));
    expect(deniedResponse).toMatchObject({ status: { code: 429 }, body: 'later\n' });
    expect(pairsOf(deniedResponse?.headers)).toEqual([['retry-after', '7']]);
  });

  it.each([11, 21])('is an error of ours where that is configured (after %d ms)', (spentMs) => {
    const world = busy({ overload: { ...BOUNDS, errorResponse: true } });
    workUpTo(world, spentMs);
    const { status, deniedResponse, errorResponse } = read(world.check({ path: '/a' }));
    expect([status?.code, deniedResponse, errorResponse?.status?.code]).toEqual([14, undefined, 503]);
    expect(pairsOf(errorResponse?.headers)).toEqual([['retry-after', '1']]);
  });

  it('is an error for nothing that a caller can bring about by what it sends', () => {
    const unavailable = { result: { outcome: 'unavailable', provider: 'shop/login' } } as const;
    const identity = { epoch: 0, authenticate: () => ({ ...unavailable, strip: NOTHING, set: [] }) };
    const world = proving(identity.authenticate, { errorResponse: true });
    const answers = [{ path: '/x' }, { path: '/a/../b' }, { method: 'G T' }].map((ask) => read(world.check(ask)));
    expect(answers.map(({ errorResponse }) => errorResponse)).toEqual([undefined, undefined, undefined]);
    expect(answers.map(({ deniedResponse }) => deniedResponse?.status?.code)).toEqual([503, 400, 400]);
    world.snapshot = null;
    expect(read(world.check({})).errorResponse?.status?.code).toBe(503);
  });
});

const NOTHING = { headers: [], params: [], cookies: [] };
const PROVIDER = {
  apiVersion: 'portcullis.dev/v1',
  kind: 'IdentityProvider',
  metadata: { name: 'login', namespace: 'shop' },
  spec: {
    issuer: 'https://login.example.com',
    jwt: { audiences: ['shop'], jwksUri: 'https://login.example.com/keys' },
  },
};
const PROVEN: IdentityOutcome = {
  result: {
    outcome: 'verified',
    provider: 'shop/login',
    claims: new Map([
      ['iss', 'https://login.example.com'],
      ['sub', 'alice'],
    ]),
    untilMs: NOW_MS + 10_000,
    payload: '',
  },
  strip: NOTHING,
  set: [],
};

function proving(
  authenticate: () => IdentityOutcome | Promise<IdentityOutcome>,
  overload: Partial<typeof BOUNDS> = {},
): TestService {
  const policies = [
    access('ALLOW', source({ requestPrincipals: ['*'] })),
    access('ALLOW', operation({ paths: ['/open'] })),
  ];
  return testService(snapshotOf(policiesYaml(policies, [PROVIDER]), { jwtMetadata: '' }), {
    identity: { epoch: 0, authenticate },
    overload: { ...BOUNDS, ...overload },
  });
}

const withToken = (token: string, path = '/a'): Ask => ({ path, headers: { authorization: `Bearer ${token}` } });

describe('proofs', () => {
  it('above the bound are not looked at, but those found good lately count', () => {
    let asked = 0;
    const world = proving(() => {
      asked++;
      return PROVEN;
    });
    world.check(withToken('known'));
    workUpTo(world, 11);
    world.check(withToken('new'));
    // Found by what its rules can tell, for the caller who was proven before.
    world.check({ ...withToken('known'), host: 'other.shop' });
    expect(reasons(world)).toEqual([
      ['overloaded', 'bypass'],
      ['allow_rule', 'hit'],
    ]);
    expect(asked).toBe(1);
  });

  it('that nobody sent are none to wait for', () => {
    const world = proving(() => ({ result: { outcome: 'none' }, strip: NOTHING, set: [] }));
    world.check({ path: '/open' });
    workUpTo(world, 11);
    world.check({ path: '/open', host: 'other.shop' });
    expect(reasons(world)).toEqual([['allow_rule', 'hit']]);
  });

  it('that wait are so many: those after them are denied, and nobody looks at their proofs', async () => {
    const ends: ((outcome: IdentityOutcome) => void)[] = [];
    const world = proving(() => new Promise<IdentityOutcome>((resolve) => ends.push(resolve)));
    const ask = (token: string): ReturnType<TestService['service']['check']> =>
      world.service.check(checkRequest(withToken(token)), FOREVER);
    const waiting = ['1', '2', '3'].map(ask);
    const refused = ['4', '5'].map((token) => world.check(withToken(token)));
    expect(world.service.load).toEqual({ waiting: 3, refused: { undecided: 0, unread: 0, waiting: 2 } });
    expect(ends).toHaveLength(3);
    for (const bytes of refused) {
      expectRefused(read(bytes));
      expect(metadataOf(bytes!)).toMatchObject({ reason: 'overloaded' });
    }
    ends.splice(0).forEach((end) => end(PROVEN));
    for (const answer of waiting) expect(read(await answer).okResponse).toBeDefined();
    expect(world.service.load.waiting).toBe(0);
    const later = ask('4');
    ends.splice(0).forEach((end) => end(PROVEN));
    expect(read(await later).okResponse).toBeDefined();
  });

  it('that were waited for are kept when there is too much to do for a decision', async () => {
    let asked = 0;
    const world = proving(() => {
      asked++;
      return Promise.resolve(PROVEN);
    });
    const first = world.service.check(checkRequest(withToken('t')), FOREVER);
    workUpTo(world, 11);
    expectRefused(read(await first));
    world.endTurn();
    expect(read(world.check(withToken('t'))).okResponse).toBeDefined();
    expect(asked).toBe(1);
  });

  it('are waited for no longer than the caller waits, the time in the socket included', async () => {
    const world = proving(() => new Promise(() => undefined), { maxTurnMs: 1000 });
    workUpTo(world, 60);
    // All but what an answer needs has passed already.
    const context = { deadlineMs: NOW_MS + 61, peerAllowed: true };
    const answer = world.service.check(checkRequest(withToken('t')), context);
    expect(read((await answer) as Uint8Array).deniedResponse?.status?.code).toBe(503);
    expect(reasons(world)).toEqual([['identity_unavailable', 'bypass']]);
  });
});

describe('whatever is asked, and however long it takes', () => {
  const steps = fc.array(
    fc.record({
      path: fc.constantFrom('/a', '/b', '/c', '/d', '/ids/1', '/ids/2', '/ids/3', '/a/../b'),
      host: fc.constantFrom('orders.shop', 'other.shop'),
      tookMs: fc.constantFrom(0, 1, 3, 5, 400),
      endsTurn: fc.nat(9).map((n) => n === 0),
      leftMs: fc.constantFrom(1, 20, Number.POSITIVE_INFINITY),
    }),
    { minLength: 10, maxLength: 60 },
  );

  it('an answer is the one that there would be without load, or the denial `overloaded`', () => {
    const seen = { same: 0, refused: 0 };
    const calmly = new Map<string, Uint8Array>();
    const calm = (path: string, host: string): Uint8Array => {
      const key = `${host}${path}`;
      const known = calmly.get(key) ?? testService(SNAPSHOT).check({ path, host })!;
      calmly.set(key, known);
      return known;
    };
    fc.assert(
      fc.property(steps, (all) => {
        const world = busy();
        for (const { path, host, tookMs, endsTurn, leftMs } of all) {
          if (endsTurn) world.endTurn();
          const context = { deadlineMs: NOW_MS + leftMs, peerAllowed: true };
          const bytes = world.service.check(checkRequest({ path, host }), context) as Uint8Array;
          world.workMs += tookMs;
          const { decision } = world.records.at(-1)!;
          if (decision.reason === 'overloaded') {
            seen.refused++;
            expectRefused(read(bytes));
            continue;
          }
          seen.same++;
          expect(Buffer.compare(bytes.subarray(0, -43), calm(path, host).subarray(0, -43))).toBe(0);
        }
        const { undecided, unread } = world.service.load.refused;
        expect(undecided + unread).toBe(world.records.filter(({ httpStatus }) => httpStatus === 503).length);
      }),
      { numRuns: 150 },
    );
    expect(Math.min(seen.same, seen.refused)).toBeGreaterThan(100);
  });
});
