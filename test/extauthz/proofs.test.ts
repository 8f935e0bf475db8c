import { describe, expect, it } from '@jest/globals';
import { explainOffline } from '../../src/extauthz/offline.ts';
import { withoutCookies } from '../../src/extauthz/proof-effects.ts';
import type { IdentityOutcome } from '../../src/identity/authenticator.ts';
import type { Authenticated } from '../../src/identity/proof.ts';
import { atOnce, checkRequest, LIMITS, NOW_MS, snapshotOf, testService, TEXTS } from './support/engine.ts';
import type { Ask, TestService } from './support/engine.ts';
import { decodeCheckResponse, pairsOf } from './support/messages.ts';
import type { ReadResponse } from './support/messages.ts';
import { access, operation, policiesYaml, source, when } from './support/yaml.ts';

const PROVIDER = {
  apiVersion: 'portcullis.dev/v1',
  kind: 'IdentityProvider',
  metadata: { name: 'login', namespace: 'shop' },
  spec: {
    issuer: 'https://login.example.com',
    jwt: {
      audiences: ['shop'],
      jwksUri: 'https://login.example.com/keys',
      outputClaimToHeaders: [{ header: 'x-sub', claim: 'sub' }],
    },
  },
};

const verified = (more: Partial<Extract<Authenticated, { outcome: 'verified' }>> = {}): Authenticated => ({
  outcome: 'verified',
  provider: 'shop/login',
  claims: new Map([
    ['iss', 'https://login.example.com'],
    ['sub', 'alice'],
  ]),
  untilMs: NOW_MS + 10_000,
  payload: '',
  ...more,
});

const outcome = (result: Authenticated, more: Partial<IdentityOutcome> = {}): IdentityOutcome => ({
  result,
  strip: { headers: [], params: [], cookies: [] },
  set: [],
  ...more,
});

interface Answers {
  world: TestService;
  /** How often proofs were looked at. */
  readonly asked: () => number;
  epoch: number;
}

const POLICIES = [
  access('ALLOW', source({ requestPrincipals: ['https://login.example.com/alice'] }), operation({ paths: ['/open'] })),
];

function service(answer: (now: number) => IdentityOutcome | Promise<IdentityOutcome>, policies = POLICIES): Answers {
  let asked = 0;
  const answers: Answers = {
    epoch: 1,
    asked: () => asked,
    world: testService(snapshotOf(policiesYaml(policies, [PROVIDER]), { jwtMetadata: '' }), {
      identity: {
        get epoch() {
          return answers.epoch;
        },
        authenticate: (_request, groups) => {
          expect(groups.map(({ name }) => name)).toEqual(['login']);
          asked++;
          return answer(answers.world.nowMs);
        },
      },
    }),
  };
  return answers;
}

const read = (bytes: Uint8Array | null): ReadResponse => decodeCheckResponse(bytes!);
const statusOf = (response: ReadResponse): number => response.deniedResponse?.status?.code ?? 200;
const reasonsOf = ({ records }: TestService): string[] => records.map(({ decision }) => decision.reason);
const challengeOf = (response: ReadResponse): string | undefined =>
  pairsOf(response.deniedResponse?.headers).find(([name]) => name === 'www-authenticate')?.[1];

describe('a proof of who asks', () => {
  it('makes the caller the one who it says', () => {
    const { world } = service(() => outcome(verified()));
    expect(statusOf(read(world.check({ path: '/mine' })))).toBe(200);
  });

  it('that says somebody else is not enough, and none leaves open what is open', () => {
    const other = service(() =>
      outcome(
        verified({
          claims: new Map([
            ['iss', 'x'],
            ['sub', 'alice'],
          ]),
        }),
      ),
    );
    expect(statusOf(read(other.world.check({ path: '/mine' })))).toBe(403);
    const none = service(() => outcome({ outcome: 'none' }));
    expect(statusOf(read(none.world.check({ path: '/mine' })))).toBe(401);
    expect(statusOf(read(none.world.check({ path: '/open' })))).toBe(200);
    expect(reasonsOf(none.world)).toEqual(['token_required', 'allow_rule']);
  });

  it('that is not good is refused, also where nobody would have been asked for one', () => {
    const description = 'the token has "expired"\r\nx: y';
    const { world } = service(() => outcome({ outcome: 'invalid', error: 'invalid_token', description }));
    for (const path of ['/open', '/mine', '/open']) {
      const response = read(world.check({ path }));
      expect(statusOf(response)).toBe(401);
      expect(challengeOf(response)).toBe(
        'Bearer realm="portcullis", error="invalid_token", error_description="the token has  expired   x: y"',
      );
    }
    expect(world.service.cache.statistics).toMatchObject({ hits: 0, size: 0 });
  });

  it('that cannot be looked at is no answer, and no caller is let in meanwhile', () => {
    const { world } = service(() => outcome({ outcome: 'unavailable', provider: 'shop/login' }));
    for (const path of ['/open', '/mine']) expect(statusOf(read(world.check({ path })))).toBe(503);
    expect(reasonsOf(world)).toEqual(['identity_unavailable', 'identity_unavailable']);
  });

  it('is waited for, and a caller who has not waited is refused', async () => {
    const { world } = service(() => Promise.resolve(outcome(verified())));
    const context = { deadlineMs: NOW_MS + 1000, peerAllowed: true };
    const asking = world.service.check(checkRequest({ path: '/mine' }), context);
    expect(statusOf(read(await asking))).toBe(200);
    const other = checkRequest({ path: '/mine', headers: { authorization: 'Bearer other' } });
    const late = world.service.check(other, context);
    world.nowMs += 1000;
    expect(statusOf(read(await late))).toBe(503);
    expect(reasonsOf(world)).toEqual(['allow_rule', 'deadline_exceeded']);
  });

  it('that fails in a way that nobody thought of lets nobody in', async () => {
    const thrown = service(() => {
      throw new Error('surprise');
    });
    expect(statusOf(read(thrown.world.check({ path: '/open' })))).toBe(500);
    const rejected = service(() => Promise.reject(new Error('surprise')));
    const context = { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true };
    expect(statusOf(read(await rejected.world.service.check(checkRequest({ path: '/open' }), context)))).toBe(500);
    expect(rejected.world.errors).toHaveLength(1);
  });

  it('is not the one that Envoy has verified besides', () => {
    const snapshot = snapshotOf(policiesYaml(POLICIES, [PROVIDER]));
    const world = testService(snapshot, { identity: { epoch: 0, authenticate: () => outcome(verified()) } });
    const relayed = (claims: Ask['claims']): Ask => ({ path: '/mine', ...(claims === undefined ? {} : { claims }) });
    const same = { iss: 'https://login.example.com', sub: 'alice', role: 'x' };
    expect(statusOf(read(world.check(relayed(undefined))))).toBe(200);
    expect(statusOf(read(world.check(relayed(same))))).toBe(200);
    expect(statusOf(read(world.check(relayed({ ...same, sub: 'bob' }))))).toBe(401);
    expect(statusOf(read(world.check(relayed({ sub: 'alice' }))))).toBe(401);
  });
});

describe('an answer that rests on a proof', () => {
  it('is given again without a look at the proof, until that ends', () => {
    const { world, asked } = service((now) => outcome(verified({ untilMs: now + 5000 })));
    for (let i = 0; i < 4; i++) world.check({ path: '/mine', headers: { authorization: 'Bearer a' } });
    // Nor in another request.
    world.check({ path: '/other', headers: { authorization: 'Bearer a', 'x-request-id': '7' } });
    expect(asked()).toBe(1);
    world.nowMs += 5000;
    world.check({ path: '/mine', headers: { authorization: 'Bearer a' } });
    expect(asked()).toBe(2);
  });

  it('lives no longer than the shorter of two proofs, of which one made it and the other found it', () => {
    let lifeMs = 50_000;
    const { world, asked } = service((now) => outcome(verified({ untilMs: now + lifeMs })));
    const ask = (token: string): unknown =>
      world.check({ path: '/mine', headers: { authorization: `Bearer ${token}` } });
    ask('long');
    lifeMs = 1000;
    // Found in the decision cache, by what the rules can tell; kept for its own bytes.
    ask('short');
    ask('short');
    expect(asked()).toBe(2);
    world.nowMs += 1000;
    ask('short');
    expect(asked()).toBe(3);
  });

  it('is not given to another token, nor where none was sent', () => {
    const tokens: (string | undefined)[] = [];
    const { world } = service(() => outcome({ outcome: 'none' }));
    const snapshot = world.snapshot!;
    const careful = testService(snapshot, {
      identity: {
        epoch: 0,
        authenticate: (request) => {
          const lines = request.header('authorization');
          const token = lines.form === 'exact' ? lines.lines[0] : lines.value;
          tokens.push(token);
          return outcome(token === 'Bearer good' ? verified() : { outcome: 'none' });
        },
      },
    });
    const status = (authorization?: string): number =>
      statusOf(read(careful.check({ path: '/mine', headers: authorization === undefined ? {} : { authorization } })));
    expect([1, 2, 3].map(() => status('Bearer good'))).toEqual([200, 200, 200]);
    expect([status('Bearer bad'), status(), status('Bearer good')]).toEqual([401, 401, 200]);
    expect(tokens).toEqual(['Bearer good', 'Bearer bad', undefined]);
  });

  it('is forgotten when something is revoked or a key goes', () => {
    let good = true;
    const answers = service(() =>
      outcome(good ? verified() : { outcome: 'invalid', error: 'invalid_token', description: 'revoked' }),
    );
    const status = (): number =>
      statusOf(read(answers.world.check({ path: '/mine', headers: { authorization: 'Bearer a' } })));
    expect([1, 2, 3, 4].map(status)).toEqual([200, 200, 200, 200]);
    good = false;
    answers.epoch++;
    expect([1, 2].map(status)).toEqual([401, 401]);
  });

  it('is not kept when keys or policies have changed while the proof was looked at', async () => {
    let end = (): void => undefined;
    const answers = service(
      () =>
        new Promise<IdentityOutcome>((resolve) => {
          end = () => resolve(outcome(verified()));
        }),
    );
    const { world } = answers;
    const context = { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true };
    let token = 0;
    const ask = (): Uint8Array | null | Promise<Uint8Array | null> =>
      world.service.check(checkRequest({ path: '/mine', headers: { authorization: `Bearer ${token++}` } }), context);
    const first = ask();
    answers.epoch++;
    const second = ask();
    const endSecond = end;
    endSecond();
    expect(statusOf(read(await second))).toBe(200);
    expect(world.service.cache.statistics.size).toBe(1);
    world.service.cache.clear();
    // The first one began before.
    void first;
    const third = ask();
    answers.epoch++;
    atOnce(world.service.check(Buffer.from([0xff]), context));
    end();
    expect(statusOf(read(await third))).toBe(200);
    expect(world.service.cache.statistics.size).toBe(0);
  });
});

describe('what goes on to the upstream', () => {
  const headersOf = (response: ReadResponse): Record<string, string> =>
    Object.fromEntries(pairsOf(response.okResponse?.headers));

  it('has the headers of the token, and not the token', () => {
    const { world } = service(() =>
      outcome(verified(), {
        set: [['x-sub', 'alice']],
        strip: { headers: ['authorization'], params: ['access_token'], cookies: [] },
      }),
    );
    const response = read(world.check({ path: '/mine?access_token=t' }));
    expect(headersOf(response)).toEqual({ 'x-sub': 'alice' });
    expect(response.okResponse?.headersToRemove).toEqual(['authorization']);
    expect(response.okResponse?.queryParametersToRemove).toEqual(['access_token']);
  });

  it('never has a header of this name that a caller has written', () => {
    const { world } = service(() => outcome({ outcome: 'none' }));
    const response = read(world.check({ path: '/open', headers: { 'x-sub': 'root' } }));
    expect(response.okResponse?.headersToRemove).toEqual(['x-sub']);
  });

  it('has what a rule says of a header rather than what the token says', () => {
    const rule = { respond: { request: { set: { 'x-sub': 'rule' } } } };
    const { world } = service(() => outcome(verified(), { set: [['x-sub', 'alice']] }), [access('ALLOW', rule)]);
    expect(headersOf(read(world.check({ path: '/mine' })))).toEqual({ 'x-sub': 'rule' });
  });

  it('is of each caller its own, also from what was kept', () => {
    let name = 'alice';
    const claims = (): Authenticated =>
      verified({
        claims: new Map([
          ['iss', 'https://login.example.com'],
          ['sub', name],
        ]),
      });
    const { world } = service(
      () => outcome(claims(), { set: [['x-sub', name]] }),
      [access('ALLOW', when('request.auth.claims[iss]', ['https://login.example.com']))],
    );
    for (let round = 0; round < 3; round++)
      for (name of ['alice', 'bob'])
        expect(headersOf(read(world.check({ path: '/', headers: { authorization: name } })))).toEqual({
          'x-sub': name,
        });
    expect(world.service.cache.statistics.foundElsewhere).toBe(2);
  });

  it('keeps the other cookies', () => {
    const { world } = service(() => outcome(verified(), { strip: { headers: [], params: [], cookies: ['token'] } }));
    const cookies = (cookie: string): unknown => {
      const { okResponse } = read(world.check({ path: '/mine', headers: { cookie } }));
      return [pairsOf(okResponse?.headers), okResponse?.headersToRemove];
    };
    expect(cookies('a=1; token=x; b=2')).toEqual([[['cookie', 'a=1; b=2']], ['x-sub']]);
    expect(cookies('token=x')).toEqual([[], ['cookie', 'x-sub']]);
  });

  it('has no cookie of the name, however it is written', () => {
    const exact = (...lines: string[]): string => withoutCookies({ form: 'exact', lines }, ['t']);
    expect(exact('t=1;t=2; a=t ;t ; t = 3', 'b=;  t=')).toBe('a=t; b=');
    expect(withoutCookies({ form: 'joined', value: 'T=1; t=2' } as never, ['t'])).toBe('T=1');
  });
});

describe('the command line, which verifies nothing', () => {
  const snapshot = snapshotOf(policiesYaml(POLICIES, [PROVIDER]), { jwtMetadata: '' });
  const told = (ask: Ask, provenIn?: string): unknown => {
    const options = { snapshot, texts: TEXTS, limits: LIMITS, nowMs: NOW_MS };
    const explanation = explainOffline(checkRequest(ask), provenIn === undefined ? options : { ...options, provenIn });
    return [explanation?.reason, explanation?.unverifiedProof];
  };

  it('takes a token for none, and says so', () => {
    expect(told({ path: '/mine', headers: { authorization: 'Bearer x' } })).toEqual(['token_required', true]);
    expect(told({ path: '/mine' })).toEqual(['token_required', false]);
  });

  it('takes claims for verified where a test says so, and nowhere else', () => {
    const claims = { payload: { iss: 'https://login.example.com', sub: 'alice' } };
    const ask = { path: '/mine', metadata: { 'a.test': claims } };
    expect(told(ask, 'a.test')).toEqual(['allow_rule', false]);
    expect(told(ask)).toEqual(['token_required', false]);
  });
});
