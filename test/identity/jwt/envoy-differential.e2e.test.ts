import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Claim } from '../../../src/attributes/claim.ts';
import { toText } from '../../../src/attributes/bytes.ts';
import { findProofs, jwtLocations } from '../../../src/identity/jwt/locations.ts';
import { JwtVerifier } from '../../../src/identity/jwt/jwt-verifier.ts';
import { TOKEN_CACHE_DEFAULTS } from '../../../src/identity/jwt/token-cache.ts';
import { USED_PROOFS_DEFAULTS, UsedProofs } from '../../../src/identity/jwt/used-proofs.ts';
import { RevocationList } from '../../../src/identity/revocation/revocation-list.ts';
import type { JwtProvider } from '../../../src/policy/identity-model.ts';
import type { HeaderLine } from '../../e2e/support/headers.ts';
import { TestKeys, claimsAt, encoded, hmacToken, jwkOf, pemOf, provider, signingKey, token } from './support/issuer.ts';
import type { SigningKey, TokenParts } from './support/issuer.ts';
import { startJwtEnvoy } from './support/jwt-envoy.ts';
import type { JwtEnvoy } from './support/jwt-envoy.ts';
import { lines, request } from './support/request.ts';
import { NO_POSSESSION } from './support/verifier.ts';

const now = Math.floor(Date.now() / 1000);
const ES = signingKey('ES256', 'es');
const RS = signingKey('RS256', 'rs');
const PS = signingKey('PS256', 'ps');
const ED = signingKey('EdDSA', 'ed');
const ES384 = signingKey('ES384', 'es384');
const STRANGER = signingKey('ES256', 'es');
const SECRET = 'a shared secret of some length 0123456789';
const KEYS = [ES, RS, PS, ED, ES384];

const jwks = JSON.stringify({
  keys: [...KEYS.map(jwkOf), { kty: 'oct', k: encoded(SECRET), kid: 'hs', alg: 'HS256' }],
});

const istio = (id: string, settings: Partial<JwtProvider> = {}): JwtProvider =>
  provider({ id, profile: 'istio', clockSkewSeconds: 60, keys: { from: 'inline', jwks }, ...settings });

const PROVIDERS = {
  plain: istio('plain'),
  anyone: istio('anyone', { audiences: [] }),
  places: istio('places', {
    locations: {
      headers: [
        { name: 'x-token', prefix: 'tok:' },
        { name: 'x-raw', prefix: '' },
      ],
      params: ['jwt', 'a.b'],
      cookies: ['session'],
    },
  }),
  lists: istio('lists', { spaceDelimitedClaims: ['roles'] }),
  removed: istio('removed', { forwardOriginal: false }),
} as const;

type Name = keyof typeof PROVIDERS;

const make = (parts: TokenParts = {}, key: SigningKey = ES): string =>
  token(key, {
    ...parts,
    payload:
      typeof parts.payload === 'object' && !Buffer.isBuffer(parts.payload)
        ? { ...claimsAt(now), ...parts.payload }
        : (parts.payload ?? claimsAt(now)),
  });
const GOOD = make();
const OTHER = make({ payload: { sub: 'bob' } });

interface Row {
  readonly name: string;
  readonly at?: Name;
  readonly path?: string;
  readonly headers?: readonly HeaderLine[];
}

const bearer = (name: string, text: string, at: Name = 'plain'): Row => ({
  name,
  at,
  headers: [['authorization', `Bearer ${text}`]],
});

/** Both have to say the same of these, and with the same claims. */
const SAME: readonly Row[] = [
  { name: 'nothing' },
  bearer('ES256', GOOD),
  bearer('RS256', make({}, RS)),
  bearer('PS256', make({}, PS)),
  bearer('EdDSA', make({}, ED)),
  bearer('ES384', make({}, ES384)),
  bearer('without kid', make({ header: { kid: undefined } })),
  bearer('with an empty kid', make({ header: { kid: '' } })),
  bearer('with a kid of nobody', make({ header: { kid: '../../etc/passwd' } })),
  bearer('with a kid that is no string', make({ header: { kid: 7 } })),
  bearer('with the kid of another key', make({ header: { kid: 'rs' } })),
  bearer('with another alg than its key', make({ header: { alg: 'ES384' } })),
  bearer('signed by a stranger', make({}, STRANGER)),
  bearer('with an embedded key', make({ header: { jwk: jwkOf(STRANGER) } }, STRANGER)),
  bearer('with jku and x5u', make({ header: { jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' } })),
  bearer('none', `${encoded({ alg: 'none' })}.${encoded(claimsAt(now))}.`),
  bearer('none with a signature', `${encoded({ alg: 'none' })}.${encoded(claimsAt(now))}.AAAA`),
  bearer('HMAC with the public key', hmacToken(pemOf(RS), { kid: 'rs' }, claimsAt(now))),
  bearer('an unknown alg', make({ header: { alg: 'XX256' } })),
  bearer('alg in lower case', make({ header: { alg: 'es256' } })),
  bearer('no alg', make({ header: { alg: undefined } })),
  bearer('another issuer', make({ payload: { iss: 'https://other.example' } })),
  bearer('the issuer with a slash', make({ payload: { iss: 'https://issuer.example/' } })),
  bearer('no issuer', make({ payload: { iss: undefined } })),
  bearer('an issuer that is a list', make({ payload: { iss: ['https://issuer.example'] } })),
  bearer('a sub that is a number', make({ payload: { sub: 7 } })),
  bearer('no sub', make({ payload: { sub: undefined } })),
  bearer('a jti that is a number', make({ payload: { jti: 7 } })),
  bearer('another audience', make({ payload: { aud: 'shipping' } })),
  bearer('no audience', make({ payload: { aud: undefined } })),
  bearer('several audiences', make({ payload: { aud: ['shipping', 'orders'] } })),
  bearer('audiences of which one is a number', make({ payload: { aud: ['orders', 7] } })),
  bearer('an audience that is an object', make({ payload: { aud: { orders: true } } })),
  bearer('the audience as a URL', make({ payload: { aud: 'https://orders/' } })),
  bearer('the audience as a URL with two slashes', make({ payload: { aud: 'https://orders//' } })),
  bearer('the audience in another case', make({ payload: { aud: 'Orders' } })),
  bearer('no audience where none is asked for', make({ payload: { aud: undefined } }), 'anyone'),
  bearer('a bad audience where none is asked for', make({ payload: { aud: 7 } }), 'anyone'),
  bearer('no end', make({ payload: { exp: undefined } })),
  bearer('expired an hour ago', make({ payload: { exp: now - 3600 } })),
  bearer('expired within the skew', make({ payload: { exp: now - 20 } })),
  bearer('expired a bit before the skew', make({ payload: { exp: now - 90 } })),
  bearer('not valid before an hour', make({ payload: { nbf: now + 3600 } })),
  bearer('not valid before the skew', make({ payload: { nbf: now + 40 } })),
  bearer('issued in the future', make({ payload: { iat: now + 3600 } })),
  bearer('an end that is a string', make({ payload: { exp: String(now + 60) } })),
  bearer('an end with a fraction', make({ payload: { exp: now + 60.5 } })),
  bearer('a negative end', make({ payload: { exp: -1 } })),
  bearer('an end in milliseconds', make({ payload: { exp: now * 1000 } })),
  bearer('an end beyond 64 bits', make({ payload: { exp: 1e20 } })),
  bearer('a start that is null', make({ payload: { nbf: null } })),
  bearer('an issue time that is a string', make({ payload: { iat: 'now' } })),
  bearer('a header that is a list', make({ header: '["ES256"]' })),
  bearer('a header that is no JSON', make({ header: '{alg:ES256}' })),
  bearer('a payload that is no JSON', make({ payload: 'hello' })),
  bearer('a payload that is a string', make({ payload: '"hello"' })),
  bearer('a payload with text behind', make({ payload: `${JSON.stringify(claimsAt(now))} x` })),
  bearer('a payload that is no UTF-8', make({ payload: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]) })),
  bearer(
    'claims of every kind',
    make({
      payload: {
        n: 1.5,
        big: 12345678901,
        b: true,
        no: false,
        nil: null,
        list: ['a', 1, null, ['b']],
        deep: { a: { b: ['c'] } },
        'ü€': 'ü€😀',
        e: '\u0001"\\',
      },
    }),
  ),
  bearer(
    '__proto__ as a claim',
    make({ payload: JSON.stringify(claimsAt(now)).replace('{', '{"__proto__":{"a":1},"constructor":"x",') }),
  ),
  bearer('scope of several', make({ payload: { scope: 'read  write ', permission: 'one' } })),
  bearer('scope that is empty', make({ payload: { scope: '', permission: '  ' } })),
  bearer('scope that is a list', make({ payload: { scope: ['read write'] } })),
  bearer('roles, not configured', make({ payload: { roles: 'a b' } })),
  bearer('roles, configured', make({ payload: { roles: 'a b', scope: 'c d' } }), 'lists'),
  bearer('scp stays', make({ payload: { scp: 'a b' } })),
  bearer('two parts', GOOD.slice(0, GOOD.lastIndexOf('.'))),
  bearer('four parts', `${GOOD}.AAAA`),
  bearer('five parts', `${GOOD}.AAAA.AAAA`),
  bearer('a changed payload', GOOD.replace(/\.[^.]+\./, `.${encoded({ ...claimsAt(now), sub: 'root' })}.`)),
  bearer('a cut signature', GOOD.slice(0, -4)),
  bearer('no token', ''),
  bearer('text that is no token', 'hello'),
  { name: 'another scheme', headers: [['authorization', 'Basic YTpi']] },
  { name: 'another case of the scheme', headers: [['authorization', `bearer ${GOOD}`]] },
  { name: 'the scheme alone', headers: [['authorization', 'Bearer']] },
  { name: 'two spaces', headers: [['authorization', `Bearer  ${GOOD}`]] },
  { name: 'the scheme in the middle', headers: [['authorization', `x Bearer ${GOOD}`]] },
  { name: 'punctuation between', headers: [['authorization', `Bearer "=${GOOD}`]] },
  { name: 'a token and a comma', headers: [['authorization', `Bearer ${GOOD},x`]] },
  {
    name: 'two authorization lines',
    headers: [
      ['authorization', `Bearer ${GOOD}`],
      ['authorization', `Bearer ${OTHER}`],
    ],
  },
  { name: 'the parameter', path: `/?access_token=${GOOD}` },
  { name: 'the parameter, escaped', path: `/?a=1&access%5Ftoken=${GOOD.replaceAll('.', '%2E')}&b` },
  { name: 'the parameter, empty', path: '/?access_token=' },
  { name: 'the parameter without a value', path: '/?access_token' },
  { name: 'the parameter twice, good first', path: `/?access_token=${GOOD}&access_token=bad` },
  { name: 'the parameter twice, bad first', path: `/?access_token=bad&access_token=${GOOD}` },
  { name: 'the parameter in another case', path: `/?Access_Token=${GOOD}` },
  { name: 'the parameter behind a second question mark', path: `/?a=1?access_token=${GOOD}` },
  { name: 'the parameter with a broken escape', path: `/?access_token=${GOOD}%2` },
  {
    name: 'header and parameter, the same',
    path: `/?access_token=${GOOD}`,
    headers: [['authorization', `Bearer ${GOOD}`]],
  },
  {
    name: 'header and parameter, both good',
    path: `/?access_token=${OTHER}`,
    headers: [['authorization', `Bearer ${GOOD}`]],
  },
  {
    name: 'a good header and a bad parameter',
    path: '/?access_token=bad',
    headers: [['authorization', `Bearer ${GOOD}`]],
  },
  {
    name: 'a bad header and a good parameter',
    path: `/?access_token=${GOOD}`,
    headers: [['authorization', 'Bearer bad']],
  },
  {
    name: 'the default places where others are named',
    at: 'places',
    path: `/?access_token=bad`,
    headers: [['authorization', 'Bearer bad']],
  },
  { name: 'a header with a prefix', at: 'places', headers: [['x-token', `tok:${GOOD}`]] },
  { name: 'a header with a prefix and a space', at: 'places', headers: [['x-token', `tok: ${GOOD}`]] },
  { name: 'a header without its prefix', at: 'places', headers: [['x-token', GOOD]] },
  { name: 'a header that is its prefix', at: 'places', headers: [['x-token', 'tok:']] },
  { name: 'a header of punctuation behind its prefix', at: 'places', headers: [['x-token', 'tok:==']] },
  {
    name: 'two lines, both good',
    at: 'places',
    headers: [
      ['x-token', `tok:${GOOD}`],
      ['x-token', `tok:${OTHER}`],
    ],
  },
  {
    name: 'two lines, one without the prefix',
    at: 'places',
    headers: [
      ['x-token', 'other'],
      ['x-token', `tok:${GOOD}`],
    ],
  },
  { name: 'a header that is the token', at: 'places', headers: [['x-raw', GOOD]] },
  { name: 'a header that is to be the token and empty', at: 'places', headers: [['x-raw', '']] },
  { name: 'a header that is to be the token, with a scheme', at: 'places', headers: [['x-raw', `Bearer ${GOOD}`]] },
  {
    name: 'two headers, in the order of their names',
    at: 'places',
    headers: [
      ['x-token', `tok:${GOOD}`],
      ['x-raw', OTHER],
    ],
  },
  { name: 'another parameter', at: 'places', path: `/?jwt=${GOOD}` },
  { name: 'a parameter with a dot', at: 'places', path: `/?a.b=${GOOD}&jwt=${OTHER}` },
  { name: 'a cookie', at: 'places', headers: [['cookie', `a=b; session=${GOOD}; c=d`]] },
  { name: 'a cookie in quotes', at: 'places', headers: [['cookie', `session="${GOOD}"`]] },
  { name: 'a cookie without a space', at: 'places', headers: [['cookie', `a=b;session=${GOOD};c=d`]] },
  { name: 'a cookie in another case', at: 'places', headers: [['cookie', `Session=${GOOD}`]] },
  { name: 'a cookie of a longer name', at: 'places', headers: [['cookie', `xsession=${GOOD}`]] },
  { name: 'a cookie with a space before the sign', at: 'places', headers: [['cookie', `session =${GOOD}`]] },
  { name: 'a cookie twice, good first', at: 'places', headers: [['cookie', `session=${GOOD}; session=bad`]] },
  { name: 'a cookie twice, bad first', at: 'places', headers: [['cookie', `session=bad; session=${GOOD}`]] },
  {
    name: 'a cookie in the second line',
    at: 'places',
    headers: [
      ['cookie', 'a=b'],
      ['cookie', `session=${GOOD}`],
    ],
  },
  { name: 'an empty cookie', at: 'places', headers: [['cookie', 'session=']] },
  {
    name: 'a cookie and a header',
    at: 'places',
    headers: [
      ['cookie', `session=${GOOD}`],
      ['x-raw', OTHER],
    ],
  },
  bearer('a token that is taken away', GOOD, 'removed'),
  { name: 'a parameter that is taken away', at: 'removed', path: `/?a=1&access_token=${GOOD}` },
];

/** What Envoy takes and we do not, on purpose, and why. */
const REFUSED: readonly (Row & { readonly why: string })[] = [
  {
    ...bearer('HMAC with a shared secret', hmacToken(SECRET, { kid: 'hs' }, claimsAt(now))),
    why: 'HMAC is refused whatever the keys',
  },
  {
    ...bearer('crit', make({ header: { crit: ['exp'] } })),
    why: 'an extension that must be understood (RFC 7515 §4.1.11)',
  },
  { ...bearer('b64', make({ header: { b64: false } })), why: 'an unencoded payload (RFC 7797)' },
  { ...bearer('zip', make({ header: { zip: 'DEF' } })), why: 'compression' },
  { ...bearer('an end that is 0', make({ payload: { exp: 0 } })), why: 'Envoy reads it as no end at all' },
  { ...bearer('padding', `${GOOD}==`), why: 'two spellings of one signature' },
  {
    ...bearer('white space in the signature', `${GOOD.slice(0, -10)} ${GOOD.slice(-10)}`),
    why: 'two spellings of one signature',
  },
  { ...bearer('the last bits of the signature', lastBits(GOOD)), why: 'two spellings of one signature' },
  { ...bearer('a dot at the end', `${GOOD}.`), why: 'four parts, one of them empty' },
  { ...bearer('a long token', make({ payload: { pad: 'x'.repeat(20_000) } })), why: 'longer than 16 KiB' },
  { ...bearer('a deep payload', make({ payload: { deep: nested(60) } })), why: 'deeper than 32 levels' },
];

function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

/** The same signature with a bit set that belongs to no byte: base64url of 64 bytes ends with a character of two bits. */
function lastBits(text: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) + 1]!;
}

const verifier = new JwtVerifier({
  cache: TOKEN_CACHE_DEFAULTS,
  usedProofs: new UsedProofs(USED_PROOFS_DEFAULTS, Date.now),
  revocations: () => RevocationList.NONE,
});
const keys = new TestKeys(...KEYS);

/** Envoy joins lines of `authorization` with a comma when they arrive, so this is what an authorization server sees. */
function asSeen(headers: readonly HeaderLine[]): Record<string, ReturnType<typeof lines>> {
  const all: Record<string, string[]> = {};
  for (const [name, value] of headers) (all[name] ??= []).push(value.trim());
  return Object.fromEntries(
    Object.entries(all).map(([name, values]) => [
      name,
      name === 'authorization' ? lines(values.join(',')) : lines(...values),
    ]),
  );
}

async function ours({ at = 'plain', path = '/', headers = [] }: Row): Promise<{ outcome: string; payload: unknown }> {
  const by = PROVIDERS[at];
  const found = findProofs(request(path, asSeen(headers)), jwtLocations(by), by.profile);
  if (found.outcome !== 'found') return { outcome: found.outcome, payload: null };
  const result = await verifier.verifyAll(found.values, by, keys, NO_POSSESSION);
  return { outcome: result.outcome, payload: result.outcome === 'verified' ? plain(result.claims) : null };
}

function plain(claim: Claim): unknown {
  if (typeof claim === 'string') return toText(claim);
  if (Array.isArray(claim)) return claim.map(plain);
  if (claim instanceof Map) {
    return Object.fromEntries(
      [...(claim as ReadonlyMap<string, Claim>)].map(([key, value]) => [toText(key), plain(value)]),
    );
  }
  return claim;
}

describe('the istio profile and the jwt_authn of Envoy', () => {
  let envoy: JwtEnvoy;
  beforeAll(async () => {
    envoy = await startJwtEnvoy(Object.values(PROVIDERS));
  }, 40_000);
  afterAll(() => envoy.stop());

  it.each(SAME)('agree: $name', async (row) => {
    const { outcome, payload } = await envoy.ask(row.at ?? 'plain', row.path ?? '/', row.headers ?? []);
    expect(await ours(row)).toEqual({ outcome, payload });
  });

  it.each(REFUSED)('differ on purpose: $name ($why)', async (row) => {
    expect((await envoy.ask(row.at ?? 'plain', row.path ?? '/', row.headers ?? [])).outcome).toBe('verified');
    expect((await ours(row)).outcome).toBe('invalid');
  });

  it('has every outcome in the table', async () => {
    const outcomes = await Promise.all(SAME.map(async (row) => (await ours(row)).outcome));
    expect(new Set(outcomes)).toEqual(new Set(['none', 'verified', 'invalid']));
    expect(new Set([...SAME, ...REFUSED].map(({ name }) => name)).size).toBe(SAME.length + REFUSED.length);
  });

  it('takes a token away from where it was found', async () => {
    const inHeader = await envoy.ask('removed', '/', [['authorization', `Bearer ${GOOD}`]]);
    expect(inHeader).toMatchObject({ outcome: 'verified', authorization: null });
    const inQuery = await envoy.ask('removed', `/?a=1&access_token=${GOOD}`, []);
    expect(inQuery).toMatchObject({ outcome: 'verified', path: '/?a=1' });
    const placesOf = (path: string, headers: readonly HeaderLine[]): unknown =>
      findProofs(request(path, asSeen(headers)), jwtLocations(PROVIDERS.removed), 'istio');
    expect(placesOf('/', [['authorization', `Bearer ${GOOD}`]])).toMatchObject({
      places: [{ in: 'header', name: 'authorization' }],
    });
    expect(placesOf(`/?access_token=${GOOD}`, [])).toMatchObject({ places: [{ in: 'query', name: 'access_token' }] });
  });
});
