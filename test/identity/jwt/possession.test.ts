import { beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { calculateJwkThumbprint } from 'jose';
import type { JWK } from 'jose';
import type { Possession } from '../../../src/identity/jwt/possession.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';
import {
  NOW,
  TestKeys,
  encoded,
  hmacToken,
  jwkOf,
  provider,
  signatureOf,
  signingKey,
  token,
} from './support/issuer.ts';
import type { SigningKey } from './support/issuer.ts';
import { joined, lines } from './support/request.ts';
import { NO_POSSESSION, TestVerifier } from './support/verifier.ts';

const ES = signingKey('ES256', 'es');
const keys = new TestKeys(ES);
const sha256 = (text: string): Buffer => createHash('sha256').update(text).digest();

describe('a token that is bound to a certificate (RFC 8705)', () => {
  const by = provider({ binding: 'certificate' });
  const certificate = sha256('the certificate');
  const bound = token(ES, { payload: { cnf: { 'x5t#S256': certificate.toString('base64url') } } });
  const outcome = (text: string, certificateSha256: string | null): Promise<string> =>
    new TestVerifier().outcome(text, keys, by, { ...NO_POSSESSION, certificateSha256 });

  it('is good with that certificate, in either case of its hash', async () => {
    expect(await outcome(bound, certificate.toString('hex'))).toBe('verified');
    expect(await outcome(bound, certificate.toString('hex').toUpperCase())).toBe('verified');
  });

  it.each([
    ['no certificate', null],
    ['another certificate', sha256('another').toString('hex')],
    ['an empty hash', ''],
    ['half a hash', certificate.toString('hex').slice(0, 32)],
    ['a hash and more', `${certificate.toString('hex')}00`],
    ['the hash as base64', certificate.toString('base64url')],
  ])('is not with %s', async (_what, hash) => {
    expect(await outcome(bound, hash)).toBe('the token is bound to another certificate');
  });

  it.each([
    undefined,
    null,
    'text',
    {},
    { 'x5t#S256': '' },
    { 'x5t#S256': [certificate.toString('base64url')] },
    { jkt: 'x' },
  ])('refuses a token with cnf %j, bound to nothing', async (cnf) => {
    const text = token(ES, { payload: { cnf } });
    expect(await outcome(text, certificate.toString('hex'))).toBe('the token is bound to another certificate');
  });

  it('is asked each time, for a token seen before too', async () => {
    const verifier = new TestVerifier();
    const own = { ...NO_POSSESSION, certificateSha256: certificate.toString('hex') };
    expect(await verifier.outcome(bound, keys, by, own)).toBe('verified');
    expect(await verifier.outcome(bound, keys, by, NO_POSSESSION)).toBe('the token is bound to another certificate');
  });
});

describe('a token that is bound to a key (RFC 9449)', () => {
  const by = provider({ binding: 'dpop' });
  const HOLDER = signingKey('ES256', '');
  const THIEF = signingKey('ES256', '');
  let verifier: TestVerifier;
  let bound: string;
  let jti = 0;

  beforeEach(async () => {
    verifier = new TestVerifier();
    bound = token(ES, { payload: { cnf: { jkt: await calculateJwkThumbprint(publicJwk(HOLDER)) } } });
  });

  interface Proof {
    readonly header?: object;
    readonly payload?: object;
    readonly key?: SigningKey;
  }

  function proof({ header = {}, payload = {}, key = HOLDER }: Proof = {}): string {
    const text = [
      encoded({ typ: 'dpop+jwt', alg: key.algorithm, jwk: publicJwk(key), ...header }),
      encoded({
        jti: `proof-${++jti}`,
        htm: 'GET',
        htu: 'https://shop.example/orders',
        iat: NOW,
        ath: sha256(bound).toString('base64url'),
        ...payload,
      }),
    ].join('.');
    return `${text}.${signatureOf(text, key)}`;
  }

  const outcome = (text: string, settings: Partial<Possession> = {}): Promise<string> =>
    verifier.outcome(bound, keys, by, { ...NO_POSSESSION, dpop: lines(text), ...settings });

  it('is good with a new proof for each request', async () => {
    expect(await outcome(proof())).toBe('verified');
    expect(await outcome(proof())).toBe('verified');
    expect(await outcome(proof({ payload: { htu: 'HTTPS://Shop.Example:443/orders?x=1#y' } }))).toBe('verified');
    const holders = ['EdDSA', 'RS256'].map((algorithm) => signingKey(algorithm, ''));
    for (const key of holders) {
      bound = token(ES, { payload: { cnf: { jkt: await calculateJwkThumbprint(publicJwk(key)) } } });
      expect(await outcome(proof({ key }))).toBe('verified');
    }
  });

  it('is good once with each proof', async () => {
    const text = proof();
    expect(await outcome(text)).toBe('verified');
    expect(await outcome(text)).toBe('the DPoP proof was used before');
    expect(await Promise.all([1, 2].map(() => outcome(text)))).toEqual(Array(2).fill('the DPoP proof was used before'));
    const raced = proof();
    const both = await Promise.all([outcome(raced), outcome(raced)]);
    expect(both.sort()).toEqual(['the DPoP proof was used before', 'verified']);
  });

  it('cannot be used again at the end of its window, nor when the clock is set back', async () => {
    const text = proof({ payload: { iat: NOW + 60 } });
    expect(await outcome(text)).toBe('verified');
    verifier.nowMs += 120_000;
    expect(await outcome(text)).toBe('the DPoP proof was used before');
    verifier.nowMs -= 130_000;
    expect(await outcome(text)).not.toBe('verified');
  });

  it.each([
    ['of another method', { payload: { htm: 'POST' } }, 'the DPoP proof is for another method'],
    ['of the method in lower case', { payload: { htm: 'get' } }, 'the DPoP proof is for another method'],
    ['of another path', { payload: { htu: 'https://shop.example/order' } }, 'the DPoP proof is for another URI'],
    ['of another host', { payload: { htu: 'https://evil.example/orders' } }, 'the DPoP proof is for another URI'],
    ['of another scheme', { payload: { htu: 'http://shop.example/orders' } }, 'the DPoP proof is for another URI'],
    [
      'with user information',
      { payload: { htu: 'https://a@shop.example/orders' } },
      'the DPoP proof is for another URI',
    ],
    ['of no URI', { payload: { htu: undefined } }, 'the DPoP proof is for another URI'],
    ['of long ago', { payload: { iat: NOW - 61 } }, 'the DPoP proof is not of now'],
    ['of the future', { payload: { iat: NOW + 61 } }, 'the DPoP proof is not of now'],
    ['of no time', { payload: { iat: '1' } }, 'the DPoP proof is not of now'],
    [
      'for another token',
      { payload: { ath: sha256('x').toString('base64url') } },
      'the DPoP proof is for another token',
    ],
    ['for no token', { payload: { ath: undefined } }, 'the DPoP proof is for another token'],
    ['without an id', { payload: { jti: undefined } }, 'the DPoP proof has no good jti'],
    ['with an empty id', { payload: { jti: '' } }, 'the DPoP proof has no good jti'],
    ['with a long id', { payload: { jti: 'x'.repeat(300) } }, 'the DPoP proof has no good jti'],
    ['of another type', { header: { typ: 'JWT' } }, 'the DPoP proof is of another type'],
    ['of no type', { header: { typ: undefined } }, 'the DPoP proof is of another type'],
    ['without a key', { header: { jwk: undefined } }, 'the DPoP proof has no public key'],
    ['with a secret as its key', { header: { jwk: { kty: 'oct', k: 'AAAA' } } }, 'the DPoP proof has no public key'],
    [
      'with a key of nonsense',
      { header: { jwk: { kty: 'EC', crv: 'P-256', x: '', y: '' } } },
      'the DPoP proof has no public key',
    ],
    ['with crit', { header: { crit: ['x'] } }, 'the DPoP proof is malformed'],
    ['of a thief', { key: THIEF }, 'the DPoP proof is of another key'],
    [
      'of a thief with the key of the holder',
      { key: THIEF, header: { jwk: publicJwk(HOLDER) } },
      'the DPoP proof is not signed by its key',
    ],
  ])('is refused with a proof %s', async (_what, parts: Proof, reason) => {
    expect(await outcome(proof(parts))).toBe(reason);
  });

  it('is refused with the private key in the proof, which is then known', async () => {
    const jwk = HOLDER.privateKey.export({ format: 'jwk' });
    expect(await outcome(proof({ header: { jwk } }))).toBe('the DPoP proof has no public key');
  });

  it('is refused with HMAC or no signature', async () => {
    const payload = { jti: 'a', htm: 'GET', htu: 'https://shop.example/orders', iat: NOW };
    const header = { typ: 'dpop+jwt', jwk: publicJwk(HOLDER) };
    const reason = 'the algorithm of the DPoP proof is not accepted';
    expect(await outcome(hmacToken(JSON.stringify(header.jwk), header, payload))).toBe(reason);
    expect(await outcome(`${encoded({ ...header, alg: 'none' })}.${encoded(payload)}.AAAA`)).toBe(reason);
  });

  it('is refused without exactly one header', async () => {
    const reason = 'exactly one DPoP proof is needed';
    expect(await outcome('', { dpop: lines() })).toBe(reason);
    expect(await outcome('', { dpop: lines(proof(), proof()) })).toBe(reason);
    expect(await outcome('', { dpop: joined(`${proof()},x`) })).toBe(reason);
    expect(await outcome(`x${'x'.repeat(5_000)}`)).toBe('the DPoP proof is too long');
  });

  it('is refused when it is bound to no key', async () => {
    expect(await verifier.outcome(token(ES), keys, by, { ...NO_POSSESSION, dpop: lines(proof()) })).toBe(
      'the token is bound to no key',
    );
  });

  it('forgets no proof early: with too many it cannot tell', async () => {
    verifier = new TestVerifier({}, { maxRemembered: 2 });
    expect(await outcome(proof())).toBe('verified');
    expect(await outcome(proof())).toBe('verified');
    expect(await outcome(proof())).toBe('unavailable');
    verifier.nowMs += 121_000;
    expect(await outcome(proof({ payload: { iat: NOW + 121 } }))).toBe('verified');
  });

  it('has room for other keys when one has used up its own', async () => {
    verifier = new TestVerifier({}, { maxRemembered: 5, maxRememberedOfKey: 2 });
    const one = bound;
    for (const wanted of ['verified', 'verified', 'unavailable']) expect(await outcome(proof())).toBe(wanted);
    bound = token(ES, { payload: { cnf: { jkt: await calculateJwkThumbprint(publicJwk(THIEF)) } } });
    expect(await outcome(proof({ key: THIEF }))).toBe('verified');
    bound = one;
    expect(await outcome(proof())).toBe('unavailable');
    verifier.nowMs += 121_000;
    for (const wanted of ['verified', 'verified', 'unavailable']) {
      expect(await outcome(proof({ payload: { iat: NOW + 121 } }))).toBe(wanted);
    }
  });

  it(
    named('no change of a good proof is good'),
    async () => {
      const good = proof();
      const change = fc.tuple(fc.nat(good.length - 1), fc.constantFrom(...'AZaz09-_.= '));
      await fc.assert(
        fc.asyncProperty(change, async ([at, char]) => {
          const changed = good.slice(0, at) + char + good.slice(at + 1);
          if (changed !== good) expect(await outcome(changed)).not.toBe('verified');
        }),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 3 },
      );
      expect(await outcome(good)).toBe('verified');
    },
    TIMEOUT_MS,
  );
});

function publicJwk(key: SigningKey): JWK {
  const { kid: _kid, alg: _alg, use: _use, ...jwk } = jwkOf(key);
  return jwk;
}
