import { describe, expect, it } from '@jest/globals';
import type { Authenticated } from '../../../src/identity/proof.ts';
import { NOW, NOW_MS, TestKeys, keySet, provider, signingKey, token } from './support/issuer.ts';
import { NO_POSSESSION, TestVerifier } from './support/verifier.ts';

const ES = signingKey('ES256', 'es');
const BY = provider();
const ANN = token(ES, { payload: { exp: NOW + 600 } });
const BOB = token(ES, { payload: { sub: 'bob', exp: NOW + 60 } });

async function all(tokens: readonly [string, ...string[]], keys = new TestKeys(ES)): Promise<Authenticated> {
  return new TestVerifier().verifier.verifyAll(tokens, BY, keys, NO_POSSESSION);
}

describe('JwtVerifier', () => {
  it('says what rules need to know, and not the token', async () => {
    const result = await new TestVerifier().verify(ANN, new TestKeys(ES));
    expect(result).toMatchObject({ outcome: 'verified', provider: 'shop/people', untilMs: NOW_MS + 600_000 });
    expect(result).toMatchObject({ payload: ANN.split('.')[1] });
    expect(JSON.stringify(result)).not.toContain(ANN.split('.')[2]);
  });

  it('answers at once for a token seen before', async () => {
    const { verifier } = new TestVerifier();
    const keys = new TestKeys(ES);
    const first = await verifier.verify(ANN, BY, keys, NO_POSSESSION);
    expect(verifier.verify(ANN, BY, keys, NO_POSSESSION)).toBe(first);
    expect(verifier.verifyAll([ANN], BY, keys, NO_POSSESSION)).toBe(first);
    expect([verifier.cachedTokens, verifier.cachedBytes > 0]).toEqual([1, true]);
  });

  it('lets the first of several tokens speak, until the first of them ends', async () => {
    expect(await all([ANN, BOB])).toMatchObject({ outcome: 'verified', untilMs: NOW_MS + 60_000 });
    const result = await all([BOB, ANN]);
    expect(result.outcome === 'verified' && result.claims.get('sub')).toBe('bob');
  });

  it('takes no bad token among good ones, wherever it stands', async () => {
    const bad = token(signingKey('ES256', 'es'));
    for (const tokens of [[bad, ANN], [ANN, bad], [bad], [bad, bad]] as const) {
      expect((await all(tokens as readonly [string, ...string[]])).outcome).toBe('invalid');
    }
  });

  it('cannot tell where one of several cannot be told, unless another is bad', async () => {
    const keys = new TestKeys();
    expect((await all([ANN, BOB], keys)).outcome).toBe('unavailable');
    expect((await all([ANN, 'bad'], keys)).outcome).toBe('invalid');
  });

  it('waits for the first keys', async () => {
    const keys = new TestKeys();
    keys.next = keySet(1, ES);
    expect((await all([ANN], keys)).outcome).toBe('verified');
    expect(keys.asked).toEqual(['ready']);
  });
});
