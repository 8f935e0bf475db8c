import { describe, expect, it } from '@jest/globals';
import type { HeaderLines } from '../../src/attributes/header-lines.ts';
import { NO_LINES } from '../../src/attributes/header-lines.ts';
import { identify } from '../../src/identity/identify.ts';
import type { XfccSettings } from '../../src/identity/identify.ts';
import { SAN, certificate, urlEncodedPem } from '../lib/x509/certificate.ts';

const HOP = 'spiffe://td/ns/istio-system/sa/waypoint';
const CLIENT = 'spiffe://td/ns/shop/sa/web';
const TRUSTING: XfccSettings = { enabled: true, trustedPeers: ['spiffe://td/ns/istio-system/*'], depth: 0 };

function who(
  principal: string,
  lines: HeaderLines | string,
  xfcc: XfccSettings = TRUSTING,
  certificateText = '',
): string {
  const forwardedClientCert: HeaderLines = typeof lines === 'string' ? { form: 'exact', lines: [lines] } : lines;
  const { spiffeId, names } = identify({ principal, certificate: certificateText, forwardedClientCert }, xfcc);
  return spiffeId?.id ?? `nobody (${names.join()})`;
}

describe('who asks', () => {
  it('is the one for whom a trusted hop speaks', () => {
    expect(who(HOP, `By=x;URI=${CLIENT}`)).toBe('td/ns/shop/sa/web');
  });

  it('is the hop itself when it speaks for nobody', () => {
    expect(who(HOP, NO_LINES)).toBe('td/ns/istio-system/sa/waypoint');
  });

  it.each([
    ['the peer is another', 'spiffe://td/ns/shop/sa/web', TRUSTING],
    ['the peer is only named like the hop', 'spiffe://td/ns/istio-system', TRUSTING],
    ['there is no peer', '', TRUSTING],
    ['it is not enabled', HOP, { ...TRUSTING, enabled: false }],
    ['no hop is trusted', HOP, { ...TRUSTING, trustedPeers: [] }],
  ])('is not said by the header when %s', (_, principal, xfcc) => {
    expect(who(principal, 'URI=spiffe://td/ns/shop/sa/admin', xfcc)).not.toContain('admin');
  });

  it('is not said by the header when the hop’s certificate says two things', () => {
    const two = certificate({
      names: [
        [SAN.uri, HOP],
        [SAN.uri, 'spiffe://td/ns/shop/sa/evil'],
      ],
    });
    expect(who(HOP, `URI=${CLIENT}`, TRUSTING, urlEncodedPem(two))).toMatch(/^nobody/);
  });

  it('is nobody when the header is not well-formed', () => {
    expect(who(HOP, 'URI')).toBe('nobody ()');
    expect(who(HOP, '')).toBe('nobody ()');
  });

  it('is nobody when the header came on two lines', () => {
    expect(who(HOP, { form: 'exact', lines: [`URI=${CLIENT}`, 'URI=spiffe://td/admin'] })).toBe('nobody ()');
  });

  it('is nobody when there are two elements and no depth says which counts', () => {
    expect(who(HOP, `URI=spiffe://td/admin,URI=${CLIENT}`)).toBe('nobody ()');
  });

  it('is the element at the depth, from the right', () => {
    const value = `URI=spiffe://td/admin,URI=${CLIENT},URI=spiffe://td/last`;
    expect(who(HOP, value, { ...TRUSTING, depth: 1 })).toBe('td/last');
    expect(who(HOP, value, { ...TRUSTING, depth: 2 })).toBe('td/ns/shop/sa/web');
    expect(who(HOP, value, { ...TRUSTING, depth: 4 })).toBe('nobody ()');
  });

  it('is read from a joined header as from one line', () => {
    expect(who(HOP, { form: 'joined', value: `URI=a,URI=${CLIENT}` }, { ...TRUSTING, depth: 1 })).toBe(
      'td/ns/shop/sa/web',
    );
  });

  it('is not certain when the hop gives two URIs', () => {
    expect(who(HOP, `URI=${CLIENT};URI=spiffe://td/admin`)).toBe(`nobody (${CLIENT},spiffe://td/admin)`);
  });
});
