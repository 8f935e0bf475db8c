/** Who a request proves to be, of all that it carries and all who could vouch for it. Every key and token is a real one. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { proofPlaces } from '../../src/identity/authenticator.ts';
import type { Possession } from '../../src/identity/jwt/possession.ts';
import { NO_POSSESSION } from './jwt/support/verifier.ts';
import { joined, lines, request } from './jwt/support/request.ts';
import {
  World,
  apiKeys,
  bearer,
  carrying,
  createIssuer,
  identityProvider,
  inHeader,
  jwt,
  opaque,
  requestAuthentication,
  rule,
} from './support/identity.ts';
import type { Issuer } from './support/identity.ts';

/** Nobody listens there, and it may not be dialled either. */
const NOWHERE = { from: 'uri', uri: 'https://127.0.0.1:1/keys' } as const;

let a: Issuer;
let b: Issuer;
let stranger: Issuer;

beforeAll(async () => {
  a = await createIssuer('https://a.example');
  b = await createIssuer('https://b.example');
  stranger = await createIssuer('https://stranger.example');
});
afterAll(() => World.closeAll());

describe('a workload without providers', () => {
  it('asks for nothing', async () => {
    const world = new World([]);
    expect(world.ask(carrying(bearer(await a.token())))).toMatchObject({ result: { outcome: 'none' } });
    expect(world.authenticator.status().outcomes).toEqual({ none: 0, verified: 0, invalid: 0, unavailable: 0 });
  });
});

describe('one RequestAuthentication rule', () => {
  it('passes without a token and without a principal, at once', () => {
    expect(new World([requestAuthentication(rule(a))]).ask(carrying({}))).toEqual({
      result: { outcome: 'none' },
      strip: { headers: [], params: [], cookies: [] },
      set: [],
    });
  });

  it('takes a good token, at once when it was seen before', async () => {
    const world = new World([requestAuthentication(rule(a))]);
    const token = await a.token({ sub: 'ann' });
    const first = await world.ask(carrying(bearer(token)));
    expect(first.result).toMatchObject({ outcome: 'verified', provider: 'rule:https://a.example' });
    expect(world.ask(carrying(bearer(token)))).toEqual(first);
    expect(world.authenticator.status()).toMatchObject({
      tokens: { entries: 1 },
      outcomes: { verified: 2, none: 0, invalid: 0, unavailable: 0 },
    });
  });

  it.each([
    ['of another issuer', async () => stranger.token(), 'the token is from another issuer'],
    ['for another audience', async () => a.token({ aud: 'billing' }), 'the token is for another audience'],
    ['that is expired', async () => a.token({ exp: 1000 }), 'the token is expired'],
    ['signed by somebody else', async () => stranger.token({ iss: 'https://a.example' }), 'the signature is wrong'],
    ['that is none', () => Promise.resolve('abc'), 'the token has not three parts'],
  ])('refuses a token %s', async (_, token, why) => {
    const world = new World([requestAuthentication(rule(a))]);
    expect(await world.verdict(carrying(bearer(await token())))).toBe(`invalid invalid_token: ${why}`);
  });

  it('cannot tell while there are no keys', async () => {
    const world = new World([requestAuthentication(rule(a, { keys: NOWHERE }))]);
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('unavailable rule:https://a.example');
    expect(await world.verdict(carrying({}))).toBe('none');
  });

  it('lets a CORS preflight through, whatever token is in it', async () => {
    const world = new World([requestAuthentication(rule(a))]);
    const preflight = { ...bearer('abc'), origin: 'https://ui.example', 'access-control-request-method': 'PUT' };
    expect(await world.verdict(carrying(preflight, { method: 'OPTIONS' }))).toBe('none');
    for (const other of [
      carrying(preflight, { method: 'GET' }),
      carrying({ ...preflight, origin: '' }, { method: 'OPTIONS' }),
      carrying({ ...bearer('abc'), origin: 'https://ui.example' }, { method: 'OPTIONS' }),
    ]) {
      expect(await world.verdict(other)).toMatch(/^invalid/);
    }
  });

  it('takes the token away from where it was, unless it is to stay', async () => {
    const target = `/orders?access_token=${await a.token()}`;
    const stripOf = async (more: object, leaveTokens = false): Promise<unknown> => {
      const world = new World([requestAuthentication(rule(a, more))], { leaveTokens });
      return (await world.ask(carrying({}, { target }))).strip;
    };
    const nothing = { headers: [], params: [], cookies: [] };
    expect(await stripOf({})).toEqual({ ...nothing, params: ['access_token'] });
    expect(await stripOf({ forwardOriginal: true })).toEqual(nothing);
    expect(await stripOf({}, true)).toEqual(nothing);
  });

  it('takes nothing away from a request whose token is bad', async () => {
    const outcome = await new World([requestAuthentication(rule(a))]).ask(carrying(bearer(await stranger.token())));
    expect(outcome).toMatchObject({ strip: { headers: [], params: [], cookies: [] }, set: [] });
  });
});

describe('several RequestAuthentication rules', () => {
  it('in one place: a token is good for the one of its issuer', async () => {
    const world = new World([requestAuthentication(rule(b)), requestAuthentication(rule(a))]);
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('verified rule:https://a.example ann');
    expect(await world.verdict(carrying(bearer(await b.token({ sub: 'bob' }))))).toBe(
      'verified rule:https://b.example bob',
    );
    expect(await world.verdict(carrying(bearer(await stranger.token())))).toBe(
      'invalid invalid_token: the token is from another issuer',
    );
    expect(await world.verdict(carrying(bearer(await b.token({ aud: 'x' }))))).toBe(
      'invalid invalid_token: the token is for another audience',
    );
    expect(await world.verdict(carrying({}))).toBe('none');
  });

  const inTwoPlaces = (): World =>
    new World([
      requestAuthentication(rule(b, { locations: inHeader('x-b') }), rule(a, { locations: inHeader('x-a') })),
    ]);

  it('in two places: with two good tokens the first by issuer speaks, alone', async () => {
    const both = { 'x-a': await a.token({ sub: 'ann' }), 'x-b': await b.token({ sub: 'bob', groups: ['admins'] }) };
    const { result, strip } = await inTwoPlaces().ask(carrying(both));
    expect(result).toMatchObject({ outcome: 'verified', provider: 'rule:https://a.example' });
    expect(result.outcome === 'verified' && [result.claims.get('sub'), result.claims.has('groups')]).toEqual([
      'ann',
      false,
    ]);
    expect(strip.headers).toEqual(['x-a']);
  });

  it('in two places: beside a good token a bad one passes, as in Istio, and is nobody', async () => {
    const good = await b.token({ sub: 'bob' });
    expect(await inTwoPlaces().verdict(carrying({ 'x-a': 'abc', 'x-b': good }))).toBe(
      'verified rule:https://b.example bob',
    );
    const { strip } = await inTwoPlaces().ask(carrying({ 'x-a': 'abc', 'x-b': good }));
    expect(strip.headers).toEqual(['x-b']);
  });

  it('in two places: a bad token alone is 401', async () => {
    expect(await inTwoPlaces().verdict(carrying({ 'x-b': 'abc' }))).toBe(
      'invalid invalid_token: the token is from another issuer',
    );
  });

  it('while the first cannot be told, a second token is nobody in its place', async () => {
    const world = new World([
      requestAuthentication(
        rule(a, { locations: inHeader('x-a'), keys: NOWHERE }),
        rule(b, { locations: inHeader('x-b') }),
      ),
    ]);
    const both = { 'x-a': await a.token(), 'x-b': await b.token() };
    expect(await world.verdict(carrying(both))).toBe('unavailable rule:https://a.example');
    expect(await world.verdict(carrying({ 'x-b': both['x-b'] }))).toBe('verified rule:https://b.example ann');
  });

  it('while one of any issuer cannot be told, the same token is good for another', async () => {
    const anyone = rule(a, { id: 'anyone', issuer: '', keys: NOWHERE });
    const world = new World([requestAuthentication(anyone, rule(b))]);
    expect(await world.verdict(carrying(bearer(await b.token())))).toBe('verified rule:https://b.example ann');
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('unavailable anyone');
  });

  it('a place that can be read as several tokens is refused before a later rule speaks', async () => {
    const world = inTwoPlaces();
    const token = await b.token();
    const both = request('/orders', { 'x-a': joined('abc,def'), 'x-b': lines(token) });
    expect(await world.verdict(both)).toBe('invalid invalid_request: the header does not carry exactly one token');
  });
});

describe('IdentityProviders', () => {
  it('a token is verified by the provider of its issuer', async () => {
    const world = new World([identityProvider(jwt(a)), identityProvider(jwt(b))]);
    expect(await world.verdict(carrying(bearer(await b.token({ sub: 'bob' }))))).toBe(
      'verified jwt:https://b.example bob',
    );
    expect(await world.verdict(carrying(bearer(await b.token({ aud: 'x' }))))).toBe(
      'invalid invalid_token: the token is for another audience',
    );
    expect(await world.verdict(carrying({ authorization: 'Basic YTpi' }))).toBe('none');
  });

  it('of one issuer: one that takes the audience is enough', async () => {
    const world = new World([
      identityProvider(jwt(a, { id: 'billing', audiences: ['billing'] })),
      identityProvider(jwt(a, { id: 'orders' })),
    ]);
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('verified orders ann');
    expect(await world.verdict(carrying(bearer(await a.token({ aud: 'x' }))))).toBe(
      'invalid invalid_token: the token is for another audience',
    );
  });

  it.each([
    ['one provider', () => [jwt(a)], 'the token is from another issuer'],
    ['several', () => [jwt(a), jwt(b)], 'the token is of no known issuer'],
  ])('a token of a strange issuer in a place of %s is refused', async (_, providers, why) => {
    const world = new World(providers().map(identityProvider));
    expect(await world.verdict(carrying(bearer(await stranger.token())))).toBe(`invalid invalid_token: ${why}`);
    expect(await world.verdict(carrying(bearer('opaque')))).toMatch(/^invalid invalid_token/);
  });

  it('a token that names an issuer and is signed by another is refused', async () => {
    const world = new World([identityProvider(jwt(a)), identityProvider(jwt(b))]);
    expect(await world.verdict(carrying(bearer(await a.token({ iss: 'https://b.example' }))))).toBe(
      'invalid invalid_token: the signature is wrong',
    );
  });

  const inTwoPlaces = (): World =>
    new World([identityProvider(jwt(a)), identityProvider(jwt(b, { locations: inHeader('x-b') }))]);

  it('two good tokens of different subjects are nobody', async () => {
    const both = { ...bearer(await a.token()), 'x-b': await b.token() };
    expect(await inTwoPlaces().verdict(carrying(both))).toBe(
      'invalid invalid_request: the request carries proofs of different callers',
    );
  });

  it.each(['x-b', 'authorization'])('a bad token in %s outweighs a good one', async (bad) => {
    const good = { authorization: `Bearer ${await a.token()}`, 'x-b': await b.token() };
    const world = inTwoPlaces();
    expect(await world.verdict(carrying({ ...good, [bad]: `Bearer abc` }))).toMatch(/^invalid/);
  });

  it('a bad token outweighs one that cannot be told, and that one outweighs a good one', async () => {
    const world = new World([
      identityProvider(jwt(a, { keys: NOWHERE })),
      identityProvider(jwt(b, { locations: inHeader('x-b') })),
    ]);
    const untold = bearer(await a.token());
    expect(await world.verdict(carrying({ ...untold, 'x-b': 'abc' }))).toMatch(/^invalid/);
    expect(await world.verdict(carrying({ ...untold, 'x-b': await b.token() }))).toBe(
      'unavailable jwt:https://a.example',
    );
  });

  it('two tokens of one subject are one caller, to the shorter end, with the claims of the first', async () => {
    const elsewhere = jwt(a, { id: 'second', locations: inHeader('x-second') });
    const world = new World([identityProvider(jwt(a)), identityProvider(elsewhere)]);
    const now = Math.floor(Date.now() / 1000);
    const { result, strip } = await world.ask(
      carrying({
        ...bearer(await a.token({ exp: now + 600, acr: 'mfa' })),
        'x-second': await a.token({ exp: now + 300, acr: 'none' }),
      }),
    );
    expect(result).toMatchObject({ outcome: 'verified', untilMs: (now + 300) * 1000 });
    expect(result.outcome === 'verified' && result.claims.get('acr')).toBe('mfa');
    expect(strip.headers).toEqual(['authorization', 'x-second']);
  });

  it('two tokens without a subject are not one caller', async () => {
    const elsewhere = jwt(a, { id: 'second', locations: inHeader('x-second') });
    const world = new World([identityProvider(jwt(a)), identityProvider(elsewhere)]);
    const [one, other] = [await a.token({ sub: undefined }), await a.token({ sub: undefined, jti: 'x' })];
    expect(await world.verdict(carrying({ ...bearer(one), 'x-second': other }))).toMatch(/different callers$/);
    expect(await world.verdict(carrying({ ...bearer(one), 'x-second': one }))).toMatch(/^verified/);
  });

  it('refuses what can be read in several ways before anybody is asked', async () => {
    const world = new World([identityProvider(jwt(a, { keys: NOWHERE }))]);
    const token = await a.token();
    const twice = request('/orders', { authorization: lines(`Bearer ${token}`, 'Bearer abc') });
    expect(await world.verdict(twice)).toMatch(/^invalid invalid_request/);
  });

  it('a CORS preflight is asked for what it carries', async () => {
    const world = new World([identityProvider(jwt(a))]);
    const preflight = { origin: 'https://ui.example', 'access-control-request-method': 'PUT' };
    expect(await world.verdict(carrying(preflight, { method: 'OPTIONS' }))).toBe('none');
    expect(await world.verdict(carrying({ ...preflight, ...bearer('abc') }, { method: 'OPTIONS' }))).toMatch(
      /^invalid/,
    );
  });

  it('a token that is bound to a certificate needs it', async () => {
    const world = new World([identityProvider(jwt(a, { binding: 'certificate' }))]);
    const sha256 = 'ab'.repeat(32);
    const cnf = { 'x5t#S256': Buffer.from(sha256, 'hex').toString('base64url') };
    const attributes = carrying(bearer(await a.token({ cnf })));
    const withCertificate: Possession = { ...NO_POSSESSION, certificateSha256: sha256 };
    expect((await world.ask(attributes, withCertificate)).result.outcome).toBe('verified');
    expect((await world.ask(attributes)).result.outcome).toBe('invalid');
  });
});

describe('API keys', () => {
  it('are looked for in their place, and taken out of it', async () => {
    const world = new World([identityProvider(apiKeys({ ci: 'key-1' }))]);
    expect(world.ask(carrying({ 'x-api-key': 'key-1' }))).toMatchObject({
      result: { outcome: 'verified', provider: 'keys:ci' },
      strip: { headers: ['x-api-key'] },
    });
    expect(await world.verdict(carrying({ 'x-api-key': 'key-2' }))).toBe(
      'invalid invalid_token: the API key is not known',
    );
    expect(await world.verdict(carrying({}))).toBe('none');
  });

  it('are taken out of queries and cookies too, and never left with the tokens', () => {
    const locations = { headers: [], params: ['key'], cookies: ['key'] };
    const world = new World([identityProvider(apiKeys({ ci: 'k1' }, { locations }))], { leaveTokens: true });
    const inQuery = carrying({ cookie: 'a=b; key=k1' }, { target: '/orders?key=k1' });
    expect(world.ask(inQuery)).toMatchObject({ strip: { headers: [], params: ['key'], cookies: ['key'] } });
  });

  it('of two providers in one place: one that knows the key is enough', async () => {
    const world = new World([identityProvider(apiKeys({ ci: 'key-1' })), identityProvider(apiKeys({ cd: 'key-2' }))]);
    expect(await world.verdict(carrying({ 'x-api-key': 'key-2' }))).toBe('verified keys:cd cd');
    expect(await world.verdict(carrying({ 'x-api-key': 'key-3' }))).toBe(
      'invalid invalid_token: the API key is not known',
    );
  });

  it('beside a token are one caller only when issuer and subject are the same', async () => {
    const good = { ...bearer(await a.token({ sub: 'ci' })), 'x-api-key': 'key-1' };
    const other = new World([identityProvider(jwt(a)), identityProvider(apiKeys({ ci: 'key-1' }))]);
    expect(await other.verdict(carrying(good))).toMatch(/different callers$/);
    const same = apiKeys({ ci: 'key-1' }, { issuer: 'https://a.example' });
    const one = new World([identityProvider(jwt(a)), identityProvider(same)]);
    expect(await one.verdict(carrying(good))).toBe('verified jwt:https://a.example ci');
    expect(await one.verdict(carrying({ ...good, 'x-api-key': 'key-2' }))).toMatch(/^invalid/);
  });

  it('two in one request are refused', async () => {
    const world = new World([identityProvider(apiKeys({ ci: 'key-1' }))]);
    const two = request('/orders', { 'x-api-key': lines('key-1', 'key-2') });
    expect(await world.verdict(two)).toBe('invalid invalid_request: more than one API key was sent');
  });
});

describe('both kinds at once', () => {
  it('in one place: a token counts where its issuer is named', async () => {
    const world = new World([requestAuthentication(rule(a)), identityProvider(jwt(b))]);
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('verified rule:https://a.example ann');
    expect(await world.verdict(carrying(bearer(await b.token())))).toBe('verified jwt:https://b.example ann');
    expect(await world.verdict(carrying(bearer(await stranger.token())))).toMatch(/^invalid/);
    expect(await world.verdict(carrying(bearer('opaque')))).toMatch(/^invalid/);
  });

  it('of one issuer: both have to take the token', async () => {
    const world = new World([
      requestAuthentication(rule(a, { audiences: ['orders', 'billing'] })),
      identityProvider(jwt(a)),
    ]);
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('verified jwt:https://a.example ann');
    expect(await world.verdict(carrying(bearer(await a.token({ aud: 'billing' }))))).toMatch(/^invalid/);
    const stricter = new World([
      requestAuthentication(rule(a)),
      identityProvider(jwt(a, { audiences: ['orders', 'billing'] })),
    ]);
    expect(await stricter.verdict(carrying(bearer(await a.token({ aud: 'billing' }))))).toMatch(/^invalid/);
  });

  it('in two places: a bad proof for either kind is refused, and so are two callers', async () => {
    const world = new World([requestAuthentication(rule(a)), identityProvider(apiKeys({ ci: 'key-1' }))]);
    const token = bearer(await a.token());
    expect(await world.verdict(carrying({ ...token, 'x-api-key': 'key-2' }))).toMatch(/^invalid invalid_token/);
    expect(await world.verdict(carrying({ ...bearer('abc'), 'x-api-key': 'key-1' }))).toMatch(/^invalid invalid_token/);
    expect(await world.verdict(carrying({ ...token, 'x-api-key': 'key-1' }))).toMatch(/different callers$/);
    expect(await world.verdict(carrying({ 'x-api-key': 'key-1' }))).toBe('verified keys:ci ci');
    expect(await world.verdict(carrying({}))).toBe('none');
  });

  it('an opaque token that cannot be told is neither good nor bad', async () => {
    const world = new World([requestAuthentication(rule(a)), identityProvider(opaque('https://127.0.0.1:1/i'))]);
    expect(await world.verdict(carrying(bearer('opaque')))).toBe('unavailable opaque:https://127.0.0.1:1/i');
    expect(await world.verdict(carrying(bearer(await a.token())))).toBe('verified rule:https://a.example ann');
  });
});

describe('headers from tokens', () => {
  const outputs = (...claims: readonly string[]): object => ({
    outputPayloadToHeader: 'x-payload',
    outputClaimToHeaders: claims.map((claim, i) => ({ header: `x-${i}`, claim })),
  });

  it('are set for what is verified: payload, strings, numbers, booleans, what is inside of objects, and lists and objects as base64', async () => {
    const claims = {
      scope: 'read write',
      n: 3,
      f: 0.5,
      t: true,
      o: { p: { q: 'in' } },
      'x.y': 'dots',
      u: 'Zoë',
      l: [1, { ü: ['"'] }],
    };
    const token = await a.token(claims);
    const world = new World([
      requestAuthentication(rule(a, outputs('scope', 'n', 'f', 't', 'o.p.q', 'x.y', 'u', 'l', 'o'))),
    ]);
    expect((await world.ask(carrying(bearer(token)))).set).toEqual([
      ['x-payload', token.split('.')[1]],
      ['x-0', 'read write'],
      ['x-1', '3'],
      ['x-2', '0.5'],
      ['x-3', 'true'],
      ['x-4', 'in'],
      ['x-5', 'dots'],
      ['x-6', Buffer.from('Zoë').toString('latin1')],
      ['x-7', Buffer.from('[1,{"ü":["\\""]}]').toString('base64')],
      ['x-8', Buffer.from('{"p":{"q":"in"}}').toString('base64')],
    ]);
  });

  it.each([
    ['a line break', 'a\r\nx-admin: true'],
    ['NUL', 'a\0b'],
    ['DEL', 'a\x7fb'],
    ['a C1 control', 'a\u0085b'],
    ['a tab', 'a\tb'],
    ['blanks at its end', 'a '],
    ['nothing in it', ''],
    ['more than 8 KiB', 'a'.repeat(8 * 1024 + 1)],
    ['a list of more than 8 KiB', ['a'.repeat(7000)]],
    ['null', null],
    ['a number past 2^53', 2 ** 60],
  ])('are not set for a claim with %s', async (_, value) => {
    const world = new World([requestAuthentication(rule(a, outputs('c')))]);
    const { set, result } = await world.ask(carrying(bearer(await a.token({ c: value }))));
    expect(result.outcome).toBe('verified');
    expect(set.map(([name]) => name).filter((name) => name !== 'x-payload')).toEqual([]);
  });

  it('are those of the rule that speaks, and none without a good token', async () => {
    const world = new World([requestAuthentication(rule(a, outputs('sub')), rule(b))]);
    expect((await world.ask(carrying(bearer(await b.token())))).set).toEqual([]);
    expect((await world.ask(carrying(bearer('abc')))).set).toEqual([]);
    expect((await world.ask(carrying({}))).set).toEqual([]);
    const known = new World([identityProvider(jwt(a, outputs('sub'))), identityProvider(jwt(b))]);
    expect((await known.ask(carrying(bearer(await a.token())))).set).toContainEqual(['x-0', 'ann']);
  });
});

describe('the places of proofs', () => {
  it('are those that are looked at', () => {
    const cookies = { headers: [], params: [], cookies: ['session'] };
    expect(proofPlaces([])).toEqual({ headers: [], query: false, method: false, certificate: false, once: false });
    expect(proofPlaces([requestAuthentication(rule(a))])).toEqual({
      headers: ['authorization', 'origin', 'access-control-request-method'],
      query: true,
      method: true,
      certificate: false,
      once: false,
    });
    expect(
      proofPlaces([
        identityProvider(jwt(a, { locations: cookies, binding: 'certificate' })),
        identityProvider(apiKeys({ ci: 'k' }, { locations: { headers: [], params: [], cookies: [] } })),
      ]),
    ).toEqual({ headers: ['cookie', 'x-api-key'], query: false, method: false, certificate: true, once: false });
    expect(proofPlaces([identityProvider(jwt(a, { binding: 'dpop' }))])).toMatchObject({
      headers: ['authorization', 'dpop'],
      method: true,
      once: true,
    });
  });

  it('are all that an outcome depends on', async () => {
    const groups = [
      requestAuthentication(rule(a, { locations: { headers: [], params: ['t'], cookies: [] } })),
      identityProvider(jwt(b)),
      identityProvider(apiKeys({ ci: 'key-1' })),
    ];
    const world = new World(groups);
    const [ofA, ofB] = [await a.token(), await b.token()];
    const { headers } = proofPlaces(groups);
    const names = [...headers, 'x-b', 'x-a', 'cookie', 'x-forwarded-for', 'proxy-authorization'];
    const values = [`Bearer ${ofB}`, `Bearer ${ofA}`, ofA, 'key-1', 'abc', `session=${ofB}`, ''];
    const headerMap = fc.dictionary(fc.constantFrom(...names), fc.constantFrom(...values));
    const query = fc.constantFrom('', `?t=${ofA}`, '?t=abc', `?t=${ofB}&t=${ofA}`);
    await fc.assert(
      fc.asyncProperty(headerMap, query, fc.constantFrom('GET', 'OPTIONS'), async (sent, search, method) => {
        const looked = Object.fromEntries(Object.entries(sent).filter(([name]) => headers.includes(name)));
        const whole = await world.ask(carrying(sent, { method, target: `/a${search}` }));
        expect(whole).toEqual(await world.ask(carrying(looked, { method, target: `/b${search}` })));
      }),
    );
  });
});

describe('whatever is sent', () => {
  it('is never verified without a good proof, and never an error', async () => {
    const world = new World([
      requestAuthentication(rule(a), rule(b, { locations: inHeader('x-b') })),
      identityProvider(jwt(b, { locations: { headers: [{ name: 'x-c', prefix: 'T ' }], params: [], cookies: ['c'] } })),
      identityProvider(apiKeys({ ci: 'key-1' })),
    ]);
    const bad = [await a.token({ exp: 1 }), await stranger.token(), `${await a.token()}x`];
    const piece = fc.oneof(
      fc.constantFrom('Bearer ', 'bearer', 'T ', 'c=', ';', ',', '.', '"', ...bad),
      fc.string({ unit: 'binary-ascii', maxLength: 8 }),
    );
    const value = fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join(''));
    const header = fc.oneof(
      fc.array(value, { maxLength: 3 }).map((all) => lines(...all)),
      value.map(joined),
    );
    const headers = fc.dictionary(fc.constantFrom('authorization', 'x-b', 'x-c', 'cookie', 'x-api-key'), header);
    await fc.assert(
      fc.asyncProperty(headers, value, async (sent, query) => {
        const { result, strip, set } = await world.ask(request(`/orders?access_token=${query}`, sent));
        expect(['none', 'invalid']).toContain(result.outcome);
        expect({ strip, set }).toEqual({ strip: { headers: [], params: [], cookies: [] }, set: [] });
      }),
    );
  });

  it('goes wrong inside: it is no absent proof', async () => {
    const world = new World([requestAuthentication(rule(a))]);
    const broken = carrying({});
    Object.defineProperty(broken.source, 'header', {
      value: () => {
        throw new Error('broken');
      },
    });
    expect(await world.verdict(broken)).toBe('unavailable rule:https://a.example');
  });
});
