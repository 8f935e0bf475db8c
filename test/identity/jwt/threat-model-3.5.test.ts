import { describe, expect, it } from '@jest/globals';
import { isClaimMap } from '../../../src/attributes/claim.ts';
import { findProofs, jwtLocations } from '../../../src/identity/jwt/locations.ts';
import { MAX_TOKEN_LENGTH } from '../../../src/identity/jwt/jws.ts';
import { RevocationList } from '../../../src/identity/revocation/revocation-list.ts';
import type { JwtProvider } from '../../../src/policy/identity-model.ts';
import {
  NOW,
  NOW_MS,
  TestKeys,
  claimsAt,
  encoded,
  hmacToken,
  jwkOf,
  keySet,
  pemOf,
  provider,
  signatureOf,
  signingKey,
  token,
} from './support/issuer.ts';
import { lines, request } from './support/request.ts';
import { TestVerifier } from './support/verifier.ts';

const RS = signingKey('RS256', 'rs');
const ES = signingKey('ES256', 'es');
const STRANGER = signingKey('ES256', 'es');
const ED = signingKey('EdDSA', 'ed');
const keys = new TestKeys(RS, ES, ED);
const LAX = provider({ profile: 'istio', audiences: [], clockSkewSeconds: 60 });
const PROFILES: readonly (readonly [string, JwtProvider])[] = [
  ['strict', provider()],
  ['istio', LAX],
];

async function outcome(text: string, by: JwtProvider = provider(), source = keys): Promise<string> {
  return new TestVerifier().outcome(text, source, by);
}

describe.each(PROFILES)('3.5 alg none, HS/RS confusion (%s)', (_name, by) => {
  it('takes a good token of each kind of key', async () => {
    for (const key of [RS, ES, ED]) expect(await outcome(token(key), by)).toBe('verified');
  });

  it.each(['none', 'None', 'NONE', 'nOnE', ''])('refuses alg %j, with and without a signature', async (alg) => {
    const text = `${encoded({ alg })}.${encoded(claimsAt(NOW))}`;
    expect(await outcome(`${text}.`, by)).toBe('the token has not three parts');
    expect(await outcome(`${text}.AAAA`, by)).toBe('the algorithm is not accepted');
    expect(await outcome(`${text}.AAAA`, { ...by, algorithms: [alg] })).toBe('the algorithm is not accepted');
  });

  it.each(['HS256', 'HS384', 'HS512'])('refuses %s with any public form as the secret', async (alg) => {
    for (const secret of [pemOf(RS), JSON.stringify(jwkOf(RS)), RS.publicKey.export({ format: 'der', type: 'spki' })]) {
      const forged = hmacToken(secret, { alg, kid: 'rs' }, claimsAt(NOW));
      expect(await outcome(forged, by)).toBe('the algorithm is not accepted');
      expect(await outcome(forged, { ...by, algorithms: ['HS256', 'HS384', 'HS512'] })).toBe(
        'the algorithm is not accepted',
      );
    }
  });

  it('asks for no key before the algorithm is known to be accepted', async () => {
    const none = new TestKeys();
    expect(await outcome(hmacToken('x', {}, claimsAt(NOW)), by, none)).toBe('the algorithm is not accepted');
    expect(none.asked).toEqual([]);
  });

  it('refuses an algorithm that is not on the list of the provider', async () => {
    expect(await outcome(token(RS), { ...by, algorithms: ['ES256'] })).toBe('the algorithm is not accepted');
  });

  it('refuses a key of another type, even when the key set gives it out', async () => {
    const mixed = new TestKeys(RS);
    const wrong = keySet(1, RS).find('rs', 'RS256');
    mixed.current = { version: 1, find: () => wrong };
    expect(await outcome(token(ES, { header: { kid: 'rs' } }), by, mixed)).toBe('the signature is wrong');
    expect(await outcome(token(RS, { header: { alg: 'PS256' } }), by, mixed)).toBe('the signature is wrong');
  });

  it('refuses a private key as the key', async () => {
    const source = new TestKeys();
    const secret = ES.privateKey.toCryptoKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, ['sign']);
    source.current = { version: 1, find: () => [secret] };
    expect(await outcome(token(ES), by, source)).toBe('the signature is wrong');
  });
});

describe.each(PROFILES)('3.5 embedded jwk, jku, x5u, x5c, kid injection (%s)', (_name, by) => {
  it.each([
    ['jwk', { jwk: jwkOf(STRANGER) }],
    ['jku', { jku: 'https://evil.example/jwks.json' }],
    ['x5u', { x5u: 'https://evil.example/cert.pem' }],
    ['x5c', { x5c: ['MIIB'] }],
  ])('never uses %s, and does not mind it beside a good key', async (_member, header) => {
    expect(await outcome(token(STRANGER, { header }), by)).toBe('the signature is wrong');
    expect(await outcome(token(STRANGER, { header: { ...header, kid: 'new' } }), by)).toBe(
      'the token is signed with an unknown key',
    );
    expect(await outcome(token(ES, { header }), by)).toBe('verified');
  });

  it.each(['../../../dev/null', "' OR 1=1 --", 'file:///etc/passwd', '__proto__', 'constructor', '\u0000', '|/bin/sh'])(
    'looks the kid %j up and nothing else',
    async (kid) => {
      expect(await outcome(token(ES, { header: { kid } }), by)).toBe('the token is signed with an unknown key');
    },
  );

  it('refuses a kid of any length or type', async () => {
    expect(await outcome(token(ES, { header: { kid: 'k'.repeat(257) } }), by)).toBe('the token has no readable header');
    for (const kid of [1, null, ['es'], { es: 1 }]) {
      expect(await outcome(token(ES, { header: { kid } }), by)).toBe('the token has no readable header');
    }
  });

  it.each([
    ['crit', ['exp']],
    ['crit', []],
    ['b64', false],
    ['b64', true],
  ])('refuses %s: %j', async (name, value) => {
    expect(await outcome(token(ES, { header: { [name]: value } }), by)).toBe('the token needs an extension');
  });
});

describe.each(PROFILES)('3.5 JWE, PBES2, zip bombs (%s)', (_name, by) => {
  it('refuses five parts, whatever they are', async () => {
    const jwe = `${encoded({ alg: 'PBES2-HS256+A128KW', enc: 'A128GCM', p2c: 2 ** 31, p2s: 'AAAA' })}.AA.AA.AA.AA`;
    expect(await outcome(jwe, by)).toBe('the token is encrypted');
  });

  it.each([{ zip: 'DEF' }, { enc: 'A128GCM' }, { p2c: 1e9 }])('refuses a header with %j', async (header) => {
    expect(await outcome(token(ES, { header }), by)).toBe('the token needs an extension');
  });

  it('refuses what is longer than 16 KiB, and takes what is just not', async () => {
    const padded = (length: number): string => token(ES, { payload: { pad: 'x'.repeat(length) } });
    const room = Math.floor(((MAX_TOKEN_LENGTH - padded(0).length) * 3) / 4);
    expect(await outcome(padded(room - 8), by)).toBe('verified');
    expect(await outcome(padded(room + 8), by)).toBe('the token is too long');
  });

  it('refuses deep JSON in header and payload without growing its stack', async () => {
    const deep = (levels: number): string => `{"a":${'['.repeat(levels)}1${']'.repeat(levels)}}`;
    expect(await outcome(token(ES, { payload: deep(5_000) }), by)).toBe('the token has no readable payload');
    expect(await outcome(token(ES, { header: deep(5_000) }), by)).toBe('the token has no readable header');
    const allowed = token(ES, { payload: { deep: JSON.parse(deep(30)) as unknown } });
    expect(await outcome(allowed, by)).toBe('verified');
  });
});

describe('3.5 missing iss, aud, exp checks', () => {
  it.each([
    ['another issuer', { iss: 'https://other.example' }, 'the token is from another issuer'],
    ['the issuer with a slash', { iss: 'https://issuer.example/' }, 'the token is from another issuer'],
    ['no issuer', { iss: undefined }, 'the token is from another issuer'],
    ['an issuer in a list', { iss: ['https://issuer.example'] }, 'a claim is of a wrong type'],
    ['another audience', { aud: 'shipping' }, 'the token is for another audience'],
    ['the audience as a URL', { aud: 'https://orders' }, 'the token is for another audience'],
    ['no audience', { aud: undefined }, 'the token is for another audience'],
    ['an empty list of audiences', { aud: [] }, 'the token is for another audience'],
    ['no end', { exp: undefined }, 'the token has no end'],
    ['an end that is null', { exp: null }, 'a claim is of a wrong type'],
    ['an end that is a string', { exp: '99999999999' }, 'a claim is of a wrong type'],
    ['an end that is 0', { exp: 0 }, 'the token is expired'],
    ['an end of now', { exp: NOW }, 'the token is expired'],
    ['a start in a second', { nbf: NOW + 1 }, 'the token is not valid yet'],
    ['an issue time in a second', { iat: NOW + 1 }, 'the token is from the future'],
  ])('refuses %s', async (_what, payload, reason) => {
    expect(await outcome(token(ES, { payload }))).toBe(reason);
  });

  it('allows no more than 60 seconds of skew, whatever is configured', async () => {
    const by = provider({ clockSkewSeconds: 3600 });
    expect(await outcome(token(ES, { payload: { exp: NOW - 59 } }), by)).toBe('verified');
    expect(await outcome(token(ES, { payload: { exp: NOW - 60 } }), by)).toBe('the token is expired');
    expect(await outcome(token(ES, { payload: { nbf: NOW + 60 } }), by)).toBe('verified');
    expect(await outcome(token(ES, { payload: { nbf: NOW + 61 } }), by)).toBe('the token is not valid yet');
    for (const clockSkewSeconds of [NaN, -1]) {
      const odd = provider({ clockSkewSeconds });
      expect(await outcome(token(ES, { payload: { exp: NOW - 1 } }), odd)).not.toBe('verified');
    }
  });

  it('never says that a proof is good for longer than its end', async () => {
    const by = provider({ clockSkewSeconds: 60 });
    const result = await new TestVerifier().verify(token(ES, { payload: { exp: NOW + 10 } }), keys, by);
    expect(result).toMatchObject({ outcome: 'verified', untilMs: NOW_MS + 10_000 });
  });

  it('gives a token without an end, which only the istio profile takes, five minutes', async () => {
    const result = await new TestVerifier().verify(token(ES, { payload: { exp: undefined } }), keys, LAX);
    expect(result).toMatchObject({ outcome: 'verified', untilMs: NOW_MS + 300_000 });
  });

  it('refuses another type of token when the provider names one', async () => {
    const by = provider({ typ: 'at+jwt' });
    for (const typ of ['at+jwt', 'application/at+jwt', 'AT+JWT']) {
      expect(await outcome(token(ES, { header: { typ } }), by)).toBe('verified');
    }
    for (const typ of [undefined, 'JWT', 'dpop+jwt', 'application/x/at+jwt', '', 'at+jwt ']) {
      expect(await outcome(token(ES, { header: { typ } }), by)).toBe('the token is of another type');
    }
    expect(await outcome(token(ES, { header: { typ: 1 } }), by)).toBe('the token has no readable header');
  });

  it('asks for the claims that are required, and for youth', async () => {
    const by = provider({ requiredClaims: ['acr'], maxAgeSeconds: 60 });
    const fresh = { iat: NOW - 10 };
    expect(await outcome(token(ES, { payload: fresh }), by)).toBe('a required claim is missing');
    expect(await outcome(token(ES, { payload: { ...fresh, acr: null } }), by)).toBe('a required claim is missing');
    const good = { ...fresh, acr: 'mfa' };
    expect(await new TestVerifier().verify(token(ES, { payload: good }), keys, by)).toMatchObject({
      outcome: 'verified',
      untilMs: NOW_MS + 50_000,
    });
    expect(await outcome(token(ES, { payload: { ...good, iat: NOW - 60 } }), by)).toBe('the token is too old');
    expect(await outcome(token(ES, { payload: { ...good, iat: undefined } }), by)).toBe(
      'the token does not say when it was issued',
    );
  });

  it('takes a strict provider without audiences for a mistake, not for any audience', async () => {
    expect(await outcome(token(ES), provider({ audiences: [] }))).toBe('the token is for another audience');
    expect(await outcome(token(ES, { payload: { iss: '' } }), provider({ issuer: '' }))).toBe(
      'the token is from another issuer',
    );
  });
});

describe('3.5 same kid in two issuers, validation settings in the cache key', () => {
  it('keeps results of one provider from another, whose keys have the same ids', async () => {
    const verifier = new TestVerifier();
    const text = token(ES);
    const other = new TestKeys(STRANGER);
    expect(await verifier.outcome(text, keys, provider())).toBe('verified');
    expect(await verifier.outcome(text, other, provider({ id: 'shop/other' }))).toBe('the signature is wrong');
    expect(await verifier.outcome(text, other, provider())).toBe('the signature is wrong');
    expect(await verifier.outcome(text, keys, provider())).toBe('verified');
  });

  it('forgets what was found under other settings of the same provider', async () => {
    const verifier = new TestVerifier();
    const text = token(ES);
    expect(await verifier.outcome(text, keys, provider())).toBe('verified');
    expect(await verifier.outcome(text, keys, provider({ audiences: ['other'] }))).not.toBe('verified');
    expect(await verifier.outcome(text, keys, provider({ algorithms: ['RS256'] }))).not.toBe('verified');
    expect(await verifier.outcome(text, keys, provider({ requiredClaims: ['acr'] }))).not.toBe('verified');
  });
});

describe('3.5 unknown kid', () => {
  it('asks once for newer keys, and not again for a token that was refused just now', async () => {
    const verifier = new TestVerifier();
    const source = new TestKeys(RS);
    const text = token(ES);
    expect(await verifier.outcome(text, source)).toBe('the token is signed with an unknown key');
    expect(await verifier.outcome(text, source)).toBe('the token is signed with an unknown key');
    expect(source.asked).toEqual(['refresh']);
  });

  it('takes the token when the newer keys have its key', async () => {
    const source = new TestKeys(RS);
    source.next = keySet(2, RS, ES);
    expect(await outcome(token(ES), provider(), source)).toBe('verified');
  });

  it('asks for none for a token of another issuer, or an old one', async () => {
    const source = new TestKeys(RS);
    await outcome(token(ES, { payload: { iss: 'https://other.example' } }), provider(), source);
    await outcome(token(ES, { payload: { exp: NOW - 1 } }), provider(), source);
    expect(source.asked).toEqual([]);
  });

  it('cannot tell without keys, which is no refusal and no permission', async () => {
    expect(await outcome(token(ES), provider(), new TestKeys())).toBe('unavailable');
  });
});

describe('3.5 lenient Bearer parsing, two tokens', () => {
  const by = jwtLocations(provider());
  const find = (authorization: readonly string[], path = '/'): string => {
    const found = findProofs(request(path, { authorization: lines(...authorization) }), by, 'strict');
    return found.outcome === 'found' ? found.values.join() : found.outcome;
  };

  it.each(['Bearer abc.def', 'bearer abc.def', 'BEARER abc.def', 'bEaReR abc.def'])('reads %j', (value) => {
    expect(find([value])).toBe('abc.def');
  });

  it.each([
    'Bearer',
    'Bearer ',
    'Bearer  abc',
    'Bearer\tabc',
    'Bearer abc ',
    'Bearer abc def',
    'Bearer abc,def',
    'Bearer abc, Bearer def',
    'Bearer "abc"',
    'Bearer =abc',
    'Bearer abc=d',
    'Bearer\u00a0abc',
    'Bearer: abc',
    'Bearer abc\u0000',
  ])('refuses %j', (value) => {
    expect(find([value])).toBe('invalid');
  });

  it.each(['', 'Basic abc', 'Bearerabc', 'Bearer2 abc', 'xBearer abc', 'x Bearer abc'])(
    'finds no token in %j',
    (value) => {
      expect(find([value])).toBe('none');
    },
  );

  it('refuses two lines of which one has a token', () => {
    expect(find(['Bearer abc', 'Bearer abc'])).toBe('invalid');
    expect(find(['Basic abc', 'Bearer abc'])).toBe('invalid');
    expect(find(['Basic abc', 'Basic abc'])).toBe('none');
  });

  it('refuses different tokens, and takes one token twice', () => {
    expect(find(['Bearer abc'], '/?access_token=def')).toBe('invalid');
    expect(find([], '/?access_token=abc&access_token=def')).toBe('invalid');
    expect(find(['Bearer abc'], '/?access_token=abc&access_token=abc')).toBe('abc');
  });
});

describe.each(PROFILES)('3.5 duplicate JSON claims (%s)', (_name, by) => {
  const twice = (name: string, more: string): string =>
    JSON.stringify(claimsAt(NOW)).replace('{', `{"${name}":${more},`);

  it.each([
    ['aud', '"other"'],
    ['sub', '"root"'],
    ['\\u0073ub', '"root"'],
    ['exp', '1'],
  ])('refuses %s twice in the payload', async (name, value) => {
    expect(await outcome(token(ES, { payload: twice(name, value) }), by)).toBe('the token has no readable payload');
  });

  it('refuses a name twice at any depth', async () => {
    const payload = twice('deep', '{"a":[{"b":1,"c":2,"b":1}]}');
    expect(await outcome(token(ES, { payload }), by)).toBe('the token has no readable payload');
  });

  it.each(['{"alg":"none","alg":"ES256","kid":"es"}', '{"alg":"ES256","kid":"es","kid":"rs"}'])(
    'refuses the header %s',
    async (header) => {
      expect(await outcome(token(ES, { header }), by)).toBe('the token has no readable header');
    },
  );

  it('holds claims of any name as claims', async () => {
    const result = await new TestVerifier().verify(
      token(ES, { payload: twice('__proto__', '{"admin":true}') }),
      keys,
      by,
    );
    const claims = result.outcome === 'verified' ? result.claims : new Map<string, never>();
    expect(isClaimMap(claims.get('__proto__'))).toBe(true);
    expect(claims.get('admin')).toBeUndefined();
    expect(claims.get('toString')).toBeUndefined();
  });
});

describe('3.5 non-canonical base64url, ES256 malleability', () => {
  const good = token(ES);

  it.each([
    ['padding', `${good}==`],
    ['padding inside', good.replace('.', '=.')],
    ['a space', good.replace('.', ' .')],
    ['a line feed', `${good}\n`],
    ['the other alphabet', `${good.slice(0, -4)}+/aa`],
    ['a dot more', `${good}.`],
    ['no signature', good.slice(0, good.lastIndexOf('.') + 1)],
    ['a character above a byte', `${good.slice(0, -1)}\u0141`],
  ])('refuses %s', async (_what, text) => {
    expect(await outcome(text)).toMatch(/^the token (is not base64url|has not three parts)$/);
  });

  it('refuses bits at the end that belong to no byte', async () => {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    const last = alphabet.indexOf(good.at(-1)!);
    for (let bits = 1; bits < 16; bits++) {
      expect(await outcome(good.slice(0, -1) + alphabet[last + bits]!)).toBe('the token is not base64url');
    }
  });

  it('revokes a token with its twin signature too: by jti, never by the hash of the token', async () => {
    const text = good.slice(0, good.lastIndexOf('.'));
    const twin = `${text}.${otherSignature(signatureOf(text, ES))}`;
    const verifier = new TestVerifier();
    expect(await verifier.outcome(twin, keys)).toBe('verified');
    verifier.revocations = RevocationList.parse('{"revoked":[{"iss":"https://issuer.example","jti":"one"}]}');
    expect(await verifier.outcome(twin, keys)).toBe('the token is revoked');
    expect(await verifier.outcome(good, keys)).toBe('the token is revoked');
  });
});

/** (r, n - s) is as good as (r, s). */
function otherSignature(signature: string): string {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const hex = Buffer.from(signature, 'base64url').toString('hex');
  const s = order - BigInt(`0x${hex.slice(64)}`);
  return Buffer.from(hex.slice(0, 64) + s.toString(16).padStart(64, '0'), 'hex').toString('base64url');
}

describe('3.5 stale claims', () => {
  it('verifies again when a key is gone, though the token was verified before', async () => {
    const verifier = new TestVerifier();
    const source = new TestKeys(RS, ES);
    const text = token(ES);
    expect(await verifier.outcome(text, source)).toBe('verified');
    source.current = source.next = keySet(2, RS);
    expect(await verifier.outcome(text, source)).toBe('the token is signed with an unknown key');
  });

  it('ends with the token, in the cache too', async () => {
    const verifier = new TestVerifier();
    const text = token(ES, { payload: { exp: NOW + 10 } });
    expect(await verifier.outcome(text, keys)).toBe('verified');
    verifier.nowMs += 9_999;
    expect(await verifier.outcome(text, keys)).toBe('verified');
    verifier.nowMs += 1;
    expect(await verifier.outcome(text, keys)).toBe('the token is expired');
  });

  it('looks again when the clock is set back to before the token was good', async () => {
    const verifier = new TestVerifier();
    const text = token(ES, { payload: { nbf: NOW } });
    expect(await verifier.outcome(text, keys)).toBe('verified');
    verifier.nowMs -= 1;
    expect(await verifier.outcome(text, keys)).toBe('the token is not valid yet');
  });

  it('asks the revocation list of now for what was verified before', async () => {
    const verifier = new TestVerifier();
    expect(await verifier.outcome(token(ES), keys)).toBe('verified');
    verifier.revocations = RevocationList.parse(
      `{"revoked":[{"iss":"https://issuer.example","sub":"ann","issuedBefore":${NOW}}]}`,
    );
    expect(await verifier.outcome(token(ES), keys)).toBe('the token is revoked');
    expect(await verifier.outcome(token(ES, { payload: { iat: NOW } }), keys)).toBe('verified');
  });
});
