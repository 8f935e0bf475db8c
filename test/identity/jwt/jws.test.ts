import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeBase64url } from '../../../src/identity/jwt/base64url.ts';
import { parseJws } from '../../../src/identity/jwt/jws.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';
import { TestKeys, provider, signingKey, token } from './support/issuer.ts';
import { TestVerifier } from './support/verifier.ts';

const ES = signingKey('ES256', 'es');
const GOOD = token(ES);

describe('decodeBase64url', () => {
  it(named('decodes what was encoded'), () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(decodeBase64url(Buffer.from(bytes).toString('base64url'))?.equals(bytes)).toBe(true);
      }),
      PARAMETERS,
    );
  });

  it(
    named('takes one spelling of each value'),
    () => {
      const text = fc.string({ unit: fc.constantFrom(...'ABab01-_+/=. \n\u0141'), maxLength: 7 });
      fc.assert(
        fc.property(text, (spelling) => {
          const bytes = decodeBase64url(spelling);
          if (bytes !== null) expect(bytes.toString('base64url')).toBe(spelling);
        }),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 50 },
      );
    },
    TIMEOUT_MS,
  );
});

describe('parseJws', () => {
  it('reads header and payload', () => {
    const jws = parseJws(token(ES, { header: { typ: 'at+jwt', kid: 'schlüssel' }, payload: { name: 'Jürgen' } }));
    if (typeof jws === 'string') throw new Error(jws);
    expect(jws).toMatchObject({ algorithm: 'ES256', kid: 'schlüssel', typ: 'at+jwt' });
    expect(jws.payload.get('name')).toBe('J\u00c3\u00bcrgen');
    expect(jws.encodedPayload).toBe(jws.token.split('.')[1]);
  });

  it.each([
    '',
    '.',
    '..',
    '...',
    '....',
    'a',
    'a.b',
    'a.b.c',
    'a..c',
    '.b.c',
    'a.b.',
    'e30.e30.e30',
    '\u0000.\u0000.\u0000',
  ])('refuses %j', (text) => {
    expect(typeof parseJws(text)).toBe('string');
  });

  it(
    named('answers to any text, and takes none that is not three parts of base64url'),
    () => {
      const part = fc.oneof(
        fc.string({ unit: fc.constantFrom(...'eyJA-_=+. {}"'), maxLength: 12 }),
        fc.constantFrom(...GOOD.split('.')),
        fc.json().map((text) => Buffer.from(text).toString('base64url')),
      );
      fc.assert(
        fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
          const text = parts.join('.');
          const jws = parseJws(text);
          if (typeof jws !== 'string') expect(text).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
        }),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
      );
    },
    TIMEOUT_MS,
  );

  it(
    named('no change of a good token verifies'),
    async () => {
      const keys = new TestKeys(ES);
      const verifier = new TestVerifier();
      const change = fc.tuple(
        fc.nat(GOOD.length - 1),
        fc.constantFrom('replace', 'insert', 'delete', 'flip'),
        fc.string({ unit: fc.constantFrom(...'AZaz09-_.= \u0000\u00ff'), minLength: 1, maxLength: 2 }),
      );
      await fc.assert(
        fc.asyncProperty(change, async ([at, how, text]) => {
          const [before, behind] = [GOOD.slice(0, at), GOOD.slice(at)];
          const changed = {
            replace: () => before + text + behind.slice(text.length),
            insert: () => before + text + behind,
            delete: () => before + behind.slice(1),
            flip: () => before + String.fromCharCode(behind.charCodeAt(0) ^ 1) + behind.slice(1),
          }[how as 'replace']();
          if (changed === GOOD) return;
          expect((await verifier.verify(changed, keys, provider())).outcome).toBe('invalid');
        }),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 5 },
      );
      expect(await verifier.outcome(GOOD, keys, provider())).toBe('verified');
    },
    TIMEOUT_MS,
  );
});
