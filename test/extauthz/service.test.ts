import { describe, expect, it } from '@jest/globals';
import type { PolicySnapshot } from '../../src/policy-index/snapshot.ts';
import { NOW_MS, TEXTS, atOnce, checkRequest, snapshotOf, testService } from './support/engine.ts';
import type { Ask, TestService } from './support/engine.ts';
import { decodeCheckResponse, fromStruct, pairsOf } from './support/messages.ts';
import type { Json } from './support/messages.ts';
import { access, operation, policiesYaml, source, when } from './support/yaml.ts';

const ALLOWING = snapshotOf(
  policiesYaml([
    access(
      'ALLOW',
      { name: 'a', ...operation({ paths: ['/a'] }), respond: { request: { set: { 'x-user': 'u' } } } },
      operation({ paths: ['/b'] }),
    ),
  ]),
);

/** The metadata of an answer, the id left out. */
function metadataOf(bytes: Uint8Array): Json {
  // protobufjs takes the last of two messages, Envoy merges them: the id's own stands last, and is cut off here.
  return fromStruct(decodeCheckResponse(bytes.subarray(0, bytes.length - ID_FIELD_LENGTH)).dynamicMetadata);
}

/** Tag and length, entry, key `decision_id`, and a value of 22 bytes. */
const ID_FIELD_LENGTH = 43;

function answerOf(world: TestService, ask: Ask | Buffer): ReturnType<typeof decodeCheckResponse> {
  const bytes = world.check(ask);
  if (bytes === null) throw new Error('no answer');
  return decodeCheckResponse(bytes);
}

const statusOf = (world: TestService, ask: Ask | Buffer = {}): number => {
  const { status, deniedResponse, okResponse } = answerOf(world, ask);
  expect(okResponse === undefined).toBe((status?.code ?? 0) !== 0);
  return deniedResponse?.status?.code ?? 200;
};

describe('a check', () => {
  it('is answered with what was decided', () => {
    const world = testService(ALLOWING);
    const allowed = answerOf(world, { path: '/a' });
    expect(pairsOf(allowed.okResponse?.headers)).toEqual([['x-user', 'u']]);
    expect(allowed.okResponse?.headersToRemove ?? []).toEqual([]);
    const other = answerOf(world, { path: '/b' });
    expect(other.okResponse?.headersToRemove).toEqual(['x-user']);
    expect(answerOf(world, { path: '/c' }).deniedResponse).toMatchObject({
      status: { code: 403 },
      body: 'access denied\n',
    });
  });

  it('tells in metadata what was decided, and by which rule', () => {
    const world = testService(ALLOWING);
    expect(metadataOf(world.check({ path: '/a' })!)).toEqual({
      decision: 'allow',
      reason: 'allow_rule',
      policy: 'shop/p0',
      rule: 'a',
      revision: ALLOWING.revision,
    });
    expect(metadataOf(world.check({ path: '/c' })!)).toEqual({
      decision: 'deny',
      reason: 'no_rule_matched',
      revision: ALLOWING.revision,
    });
  });

  it('has an id of its own in the answer and in the record, also when the decision was kept', () => {
    const world = testService(ALLOWING);
    const answers = [1, 2, 3].map(() => Buffer.from(world.check({ path: '/a' })!).toString('latin1'));
    expect(world.records.map(({ cache }) => cache)).toEqual(['miss', 'hit', 'hit']);
    expect(new Set(world.records.map(({ id }) => id)).size).toBe(3);
    world.records.forEach(({ id }, i) => expect(answers[i]!.endsWith(id)).toBe(true));
  });

  it('is recorded with all that is known of it', () => {
    const world = testService(ALLOWING);
    world.check({ path: '/a' });
    const [record] = world.records;
    expect(record).toMatchObject({ httpStatus: 200, cache: 'miss', timeMs: NOW_MS, revision: ALLOWING.revision });
    expect(record?.decision.rule?.name).toBe('a');
    expect(record?.request?.path).toBe('/a');
    expect(record?.workload?.namespace).toBe('shop');
    expect(record?.durationMs).toBeGreaterThanOrEqual(0);
  });

  it('of bytes that are no CheckRequest has no answer', () => {
    const world = testService(ALLOWING);
    expect(world.check(Buffer.of(0x0a, 0xff))).toBeNull();
    expect(world.records).toEqual([]);
  });

  it('of something that is no HTTP request is denied', () => {
    expect(statusOf(testService(ALLOWING), Buffer.alloc(0))).toBe(400);
  });
});

describe('a check that is not looked at', () => {
  const bytes = checkRequest({ path: '/a' });
  const forever = Number.POSITIVE_INFINITY;

  it.each([
    ['no policies are there', null, { deadlineMs: forever, peerAllowed: true }, 503, 'not_ready'],
    ['the peer is not on the list', ALLOWING, { deadlineMs: forever, peerAllowed: false }, 403, 'peer_not_allowed'],
    ['the caller has stopped waiting', ALLOWING, { deadlineMs: NOW_MS, peerAllowed: true }, 503, 'deadline_exceeded'],
  ] as const)('because %s is denied', (_, snapshot, context, status, reason) => {
    const world = testService(snapshot);
    const answer = decodeCheckResponse(atOnce(world.service.check(bytes, context))!);
    expect(answer.status?.code).toBeGreaterThan(0);
    expect(answer.deniedResponse?.status?.code).toBe(status);
    expect(world.records[0]).toMatchObject({
      decision: { reason, allowed: false },
      cache: 'bypass',
      httpStatus: status,
    });
    if (status === 503) expect(pairsOf(answer.deniedResponse?.headers)).toContainEqual(['retry-after', '1']);
  });

  it('because its headers are too many or too long is denied with 431', () => {
    const world = testService(ALLOWING, { limits: { maxHeaders: 2, maxHeaderBytes: 100 } });
    expect(statusOf(world, { path: '/a', headers: { a: '1', b: '2' } })).toBe(200);
    expect(statusOf(world, { path: '/a', headers: { a: '1', b: '2', c: '3' } })).toBe(431);
    expect(statusOf(world, { path: '/a', headers: { a: 'x'.repeat(100) } })).toBe(431);
  });

  it('because it is too large is denied with 413', () => {
    const limits = { maxHeaders: 10, maxHeaderBytes: 1000, maxMessageBytes: bytes.length };
    const world = testService(ALLOWING, { limits });
    expect(statusOf(world, bytes)).toBe(200);
    expect(statusOf(world, Buffer.concat([bytes, Buffer.of(0x10, 0)]))).toBe(413);
    expect(world.records[1]?.decision.reason).toBe('message_too_large');
  });

  it('is the same whatever policies there are: it does not tell', () => {
    const bodies = [{ path: '/a/../b' }, { host: 'a@b' }, { method: 'G T' }].map(
      (ask) => answerOf(testService(ALLOWING), ask).deniedResponse?.body,
    );
    expect(new Set(bodies)).toEqual(new Set(['malformed request\n']));
  });
});

describe('an error inside', () => {
  /** A snapshot that fails when it is asked. */
  const broken: PolicySnapshot = {
    ...ALLOWING,
    scopeOf: () => {
      throw new Error('broken');
    },
  };

  it('is a denial, and is reported', () => {
    const world = testService(broken);
    expect(statusOf(world, { path: '/a' })).toBe(500);
    expect(world.errors).toEqual([expect.objectContaining({ message: 'broken' })]);
    expect(world.records[0]?.decision.reason).toBe('internal_error');
  });

  it('is not kept', () => {
    const world = testService(broken);
    statusOf(world, { path: '/a' });
    world.snapshot = ALLOWING;
    expect(statusOf(world, { path: '/a' })).toBe(200);
  });

  it('in metadata that is no Struct is a denial', () => {
    const snapshot = snapshotOf(policiesYaml([access('ALLOW', when('request.auth.claims[sub]', [], ['x']))]));
    const good = checkRequest({ claims: { sub: 'alice' } });
    const at = good.indexOf('alice');
    const bad = Buffer.from(good);
    // The length of the claim's value now reaches past its container.
    bad[at - 1] = 100;
    const world = testService(snapshot);
    expect(statusOf(world, good)).toBe(200);
    expect(statusOf(world, bad)).toBe(500);
    expect(world.errors).toHaveLength(1);
  });

  it('of the recorder does not change the answer', () => {
    const world = testService(ALLOWING);
    world.records.push = () => {
      throw new Error('full');
    };
    expect(statusOf(world, { path: '/a' })).toBe(200);
    expect(world.errors).toHaveLength(1);
  });
});

describe('a kept decision', () => {
  it('is not used for another set of policies', () => {
    const world = testService(ALLOWING);
    expect(statusOf(world, { path: '/a' })).toBe(200);
    world.snapshot = snapshotOf(policiesYaml([access('DENY', operation({ paths: ['/a'] }))]));
    expect(statusOf(world, { path: '/a' })).toBe(403);
    world.snapshot = ALLOWING;
    expect(statusOf(world, { path: '/a' })).toBe(200);
  });

  it('ends with the window in which it was made, to the millisecond', () => {
    const until = new Date(NOW_MS + 5000).toISOString();
    const world = testService(snapshotOf(policiesYaml([access('ALLOW', { valid: { until } })])));
    expect(statusOf(world)).toBe(200);
    world.nowMs += 4999;
    expect(statusOf(world)).toBe(200);
    expect(world.records[1]?.cache).toBe('hit');
    world.nowMs += 1;
    expect(statusOf(world)).toBe(403);
  });

  it('of a token ends with the token', () => {
    const world = testService(snapshotOf(policiesYaml([access('ALLOW', when('request.auth.claims[sub]', ['alice']))])));
    const ask: Ask = { claims: { sub: 'alice', exp: NOW_MS / 1000 + 10 } };
    for (const afterMs of [0, 9999, 10_000]) {
      world.nowMs = NOW_MS + afterMs;
      statusOf(world, ask);
    }
    expect(world.records.map(({ cache }) => cache)).toEqual(['miss', 'hit', 'miss']);
  });

  it('is gone when the clock is set back', () => {
    const world = testService(ALLOWING);
    statusOf(world, { path: '/a' });
    world.nowMs -= 1;
    statusOf(world, { path: '/a' });
    expect(world.records.map(({ cache }) => cache)).toEqual(['miss', 'miss']);
  });

  it('with query changes is not the answer to a request without a path', () => {
    const respond = { request: { query: { set: { a: 'b' }, remove: ['c'] } } };
    const world = testService(snapshotOf(policiesYaml([access('ALLOW', { respond })])));
    for (let i = 0; i < 2; i++) {
      expect(answerOf(world, { path: '/x' }).okResponse?.queryParametersToSet).toHaveLength(1);
      const { okResponse } = answerOf(world, { method: 'CONNECT', path: '' });
      expect([okResponse?.queryParametersToSet, okResponse?.queryParametersToRemove]).toEqual([undefined, undefined]);
    }
  });

  it('is not the answer to a request with other stray headers', () => {
    const world = testService(ALLOWING);
    const removed = (headers: Readonly<Record<string, string>>): readonly string[] =>
      answerOf(world, { path: '/b', headers }).okResponse?.headersToRemove ?? [];
    expect(removed({})).toEqual(['x-user']);
    expect(removed({ x_user: 'root' })).toEqual(['x-user', 'x_user']);
    expect(removed({})).toEqual(['x-user']);
    expect(removed({ 'x-envoy-auth-failure-mode-allowed': 'true' })).toEqual([
      'x-envoy-auth-failure-mode-allowed',
      'x-user',
    ]);
  });

  it('is not kept where an id is in the answer', () => {
    const respond = { request: { set: { 'x-id': '${decision.id}' } } };
    const world = testService(snapshotOf(policiesYaml([access('ALLOW', { respond })])));
    const ids = [1, 2].map(() => pairsOf(answerOf(world, {}).okResponse?.headers)[0]?.[1]);
    expect(ids).toEqual(world.records.map(({ id }) => id));
    expect(ids[0]).not.toBe(ids[1]);
  });

  it('is none with a cache of no entries or no time', () => {
    for (const cache of [
      { maxEntries: 0, ttlSeconds: 60 },
      { maxEntries: 10, ttlSeconds: 0 },
    ]) {
      const world = testService(ALLOWING, { cache });
      expect([statusOf(world, { path: '/a' }), statusOf(world, { path: '/a' })]).toEqual([200, 200]);
      expect(world.records.every((record) => record.cache !== 'hit')).toBe(true);
    }
  });
});

describe('a denial', () => {
  const needsToken = snapshotOf(policiesYaml([access('ALLOW', source({ requestPrincipals: ['*'] }))]));
  const challengeOf = (world: TestService, ask: Ask): string | undefined =>
    pairsOf(answerOf(world, ask).deniedResponse?.headers).find(([name]) => name === 'www-authenticate')?.[1];

  it('for want of a token says so as RFC 6750 has it', () => {
    const world = testService(needsToken);
    for (let i = 0; i < 2; i++) {
      expect(challengeOf(world, {})).toBe('Bearer realm="portcullis"');
      expect(challengeOf(world, { headers: { authorization: 'Bearer x' } })).toBe(
        'Bearer realm="portcullis", error="invalid_token"',
      );
    }
    expect(statusOf(world)).toBe(401);
    expect(challengeOf(world, { claims: { iss: 'i', sub: '' } })).toBeUndefined();
  });

  it('that a rule answers with 401 has a challenge that does not depend on the request', () => {
    const snapshot = snapshotOf(policiesYaml([access('DENY', { respond: { deny: { status: 401 } } })]));
    const world = testService(snapshot);
    expect(challengeOf(world, {})).toBe('Bearer realm="portcullis"');
    expect(challengeOf(world, { headers: { authorization: 'Bearer x' } })).toBe('Bearer realm="portcullis"');
  });

  it('says what is configured, where no rule says it', () => {
    const texts = {
      ...TEXTS,
      forbidden: { status: 404, body: 'nichts hier: ü', headers: new Map([['X-Help', 'https://help']]) },
      overloaded: { status: null, body: null, headers: new Map([['Retry-After', '30']]) },
    };
    const world = testService(ALLOWING, { texts });
    const denied = answerOf(world, { path: '/c' }).deniedResponse;
    expect(denied).toMatchObject({ status: { code: 404 }, body: 'nichts hier: ü' });
    expect(pairsOf(denied?.headers)).toEqual([['x-help', 'https://help']]);
    world.snapshot = null;
    expect(pairsOf(answerOf(world, {}).deniedResponse?.headers)).toEqual([['retry-after', '30']]);
  });

  it('by a rule has nothing of what is configured for others', () => {
    const texts = { ...TEXTS, forbidden: { status: 404, body: 'x', headers: new Map([['x-help', 'y']]) } };
    const snapshot = snapshotOf(policiesYaml([access('DENY', { respond: { deny: { body: 'mine' } } })]));
    const denied = answerOf(testService(snapshot, { texts }), {}).deniedResponse;
    expect(denied?.body).toBe('mine');
    expect(denied?.headers ?? []).toEqual([]);
  });
});

describe('a new snapshot', () => {
  it('leaves nothing of the decisions that were kept under the old one', () => {
    const world = testService(ALLOWING);
    expect(statusOf(world, { path: '/a' })).toBe(200);
    expect(statusOf(world, { path: '/b' })).toBe(200);
    expect(world.service.cache.statistics.size).toBe(2);
    world.snapshot = snapshotOf(policiesYaml([access('ALLOW', operation({ paths: ['/b'] }))]));
    expect(statusOf(world, { path: '/a' })).toBe(403);
    expect(world.service.cache.statistics.size).toBe(1);
  });
});
