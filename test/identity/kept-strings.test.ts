/** What is kept of a request is its few bytes, and not the header of many KiB that they were part of. */
import { describe, expect, it } from '@jest/globals';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { identify } from '../../src/identity/identify.ts';
import { parseKeySet } from '../../src/identity/jwks/key-set.ts';
import type { ParsedKeySet } from '../../src/identity/jwks/key-set.ts';
import { cookieValues } from '../../src/identity/jwt/cookies.ts';
import { identifyPeer } from '../../src/identity/peer-identity.ts';
import { RevocationList } from '../../src/identity/revocation/revocation-list.ts';
import { tokenIssuer } from '../../src/identity/token-issuer.ts';
import { encoded, jwkOf, signingKey } from './jwt/support/issuer.ts';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

const PAD_LENGTH = 50_000;
const COUNT = 1_000;
/** A tenth of what they would keep with their padding. */
const MOST = (PAD_LENGTH * COUNT) / 10;

/** Bytes of the heap that are still in use after `keep`. */
function kept(keep: () => unknown): number {
  collect();
  const before = process.memoryUsage().heapUsed;
  const result = keep();
  collect();
  const after = process.memoryUsage().heapUsed;
  // Alive until here.
  expect(result).toBeDefined();
  return after - before;
}

/** As a header is decoded: one text of its own. */
const padded = (text: string, pad = 'a'.repeat(PAD_LENGTH)): string =>
  Buffer.from(`${text}${pad}`, 'latin1').toString('latin1');

function numbered<T>(make: (index: number) => T): T[] {
  return Array.from({ length: COUNT }, (_, index) => make(index));
}

describe('what is kept', () => {
  it('of tokens of which the issuer is read, from a long cookie header', () => {
    const bytes = kept(() =>
      numbered((index) => {
        const payload = encoded({ iss: `https://issuer.example/${index}` });
        const line = padded(`token=${encoded({ alg: 'ES256' })}.${payload}.AAAA; pad=`);
        return tokenIssuer(cookieValues({ form: 'exact', lines: [line] }, 'token')![0]!)!.length;
      }),
    );
    expect(bytes).toBeLessThan(MOST);
  });

  it('of principals', () => {
    const bytes = kept(() =>
      numbered((index) => {
        const text = padded(`spiffe://cluster.local/ns/shop/sa/number-${index};`);
        return identifyPeer(text.slice(0, text.indexOf(';')), '').names.length;
      }),
    );
    expect(bytes).toBeLessThan(MOST);
  });

  it('of certificates that a hop forwards', () => {
    const bytes = kept(() =>
      numbered((index) => {
        const text = padded(`${'-'.repeat(20)}${index};`);
        return identifyPeer('', text.slice(0, text.indexOf(';'))).names.length;
      }),
    );
    expect(bytes).toBeLessThan(MOST);
  });

  it('of the values of trusted hops', () => {
    const trusted = 'spiffe://cluster.local/ns/istio-system/sa/gateway';
    const settings = { enabled: true, trustedPeers: [trusted], depth: 0 };
    const bytes = kept(() =>
      numbered((index) => {
        const text = padded(`URI=spiffe://cluster.local/ns/shop/sa/number-${index}!`);
        const value = text.slice(0, text.indexOf('!'));
        const forwardedClientCert = { form: 'exact' as const, lines: [value] };
        return identify({ principal: trusted, certificate: '', forwardedClientCert }, settings).uris.length;
      }),
    );
    expect(bytes).toBeLessThan(MOST);
  });

  it('of key sets', () => {
    const jwk = jwkOf(signingKey('ES256', 'a-name-of-a-key-that-is-no-short-one'));
    const texts = (index: number): string =>
      padded(JSON.stringify({ keys: [{ ...jwk, index }] }), ' '.repeat(PAD_LENGTH));
    const bytes = kept(() => numbered((index): ParsedKeySet => parseKeySet(texts(index))));
    expect(parseKeySet(texts(0)).keys).toHaveLength(1);
    expect(bytes).toBeLessThan(MOST);
  });

  it('of revocation lists', () => {
    const texts = (index: number): string => {
      const entry = { iss: 'https://issuer.example', jti: `token-number-${index}` };
      return padded(JSON.stringify({ revoked: [entry] }), ' '.repeat(PAD_LENGTH));
    };
    const bytes = kept(() => numbered((index) => RevocationList.parse(texts(index))));
    expect(bytes).toBeLessThan(MOST);
  });
});
