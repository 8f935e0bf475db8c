import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseSpiffeId } from '../../src/attributes/spiffe-id.ts';

describe('a SPIFFE ID', () => {
  it('of a Kubernetes workload has a namespace and an account', () => {
    expect(parseSpiffeId('spiffe://cluster.local/ns/shop/sa/orders')).toEqual({
      id: 'cluster.local/ns/shop/sa/orders',
      trustDomain: 'cluster.local',
      namespace: 'shop',
      serviceAccount: 'orders',
    });
  });

  it.each([
    'spiffe://td',
    'spiffe://td/vm/7',
    'spiffe://td/ns/shop',
    'spiffe://td/ns/shop/sa/orders/extra',
    'spiffe://td/x/ns/shop/sa/orders',
    'spiffe://td/NS/shop/sa/orders',
    'spiffe://td/ns/shop/SA/orders',
  ])('such as %s has none', (uri) => {
    expect(parseSpiffeId(uri)).toMatchObject({ id: uri.slice(9), namespace: null, serviceAccount: null });
  });

  it.each([
    ['', 'nothing'],
    ['td/ns/shop/sa/orders', 'no scheme'],
    ['SPIFFE://td/x', 'the scheme in capitals'],
    ['spiffe:/td/x', 'one slash'],
    ['https://td/x', 'another scheme'],
    ['spiffe://', 'no trust domain'],
    ['spiffe:///x', 'an empty trust domain'],
    ['spiffe://TD/x', 'a trust domain in capitals'],
    ['spiffe://td:443/x', 'a port'],
    ['spiffe://user@td/x', 'userinfo'],
    ['spiffe://td/', 'a trailing slash'],
    ['spiffe://td/x/', 'a trailing slash behind a path'],
    ['spiffe://td//x', 'an empty segment'],
    ['spiffe://td/ns/shop/../edge/sa/orders', 'a dot segment'],
    ['spiffe://td/./x', 'a single dot'],
    ['spiffe://td/x?y', 'a query'],
    ['spiffe://td/x#y', 'a fragment'],
    ['spiffe://td/%6Es/shop', 'an escape'],
    ['spiffe://td/x y', 'a blank'],
    ['spiffe://td/x\n', 'a newline at the end'],
    ['spiffe://td\n/x', 'a newline behind the trust domain'],
    ['spiffe://td/x\0', 'a NUL byte'],
    ['spiffe://td/caf\xc3\xa9', 'a byte past ASCII'],
    ['spiffe://td/a*', 'a star'],
    ['spiffe://td/a,b', 'a comma'],
    [' spiffe://td/x', 'a blank in front'],
    [`spiffe://${'a'.repeat(256)}/x`, 'a trust domain of 256 bytes'],
    [`spiffe://td/${'a'.repeat(2037)}`, '2049 bytes'],
  ])('is not %j (%s)', (uri) => {
    expect(parseSpiffeId(uri)).toBeNull();
  });

  it('may be as long as the specification lets it', () => {
    expect(parseSpiffeId(`spiffe://${'a'.repeat(255)}/x`)).not.toBeNull();
    expect(parseSpiffeId(`spiffe://td/${'a'.repeat(2036)}`)).not.toBeNull();
  });

  it('is exactly what the grammar says', () => {
    const piece = fc.constantFrom('td', 'T', '.', '..', '/', '/', 'ns', 'sa', 'a_b-c.d', '%', ' ', ':', '@', '?', '\n');
    const grammar = /^spiffe:\/\/[a-z0-9._-]+(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)*$/;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), (pieces) => {
        const uri = `spiffe://${pieces.join('')}`;
        expect([uri, parseSpiffeId(uri) !== null]).toEqual([uri, grammar.test(uri) && !uri.endsWith('\n')]);
      }),
      { numRuns: 1500 },
    );
  });
});
