import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseXfcc } from '../../../src/identity/xfcc/xfcc.ts';

describe('x-forwarded-client-cert', () => {
  it('is what Envoy writes', () => {
    const value =
      'By=spiffe://td/ns/shop/sa/orders;Hash=26ef1b;Subject="";URI=spiffe://td/ns/edge/sa/a,' +
      'By=spiffe://td/x;Hash=00;Cert="-----BEGIN%20CERTIFICATE-----";Subject="CN=b,O=\\"B; Inc\\"";URI=spiffe://td/b;URI=https://b;DNS=b.example.com;DNS=c.example.com';
    expect(parseXfcc(value)).toEqual([
      { uris: ['spiffe://td/ns/edge/sa/a'], dnsNames: [], subject: '' },
      {
        uris: ['spiffe://td/b', 'https://b'],
        dnsNames: ['b.example.com', 'c.example.com'],
        subject: 'CN=b,O="B; Inc"',
      },
    ]);
  });

  it('has keys in any case, and blanks between elements', () => {
    expect(parseXfcc('uri=a, URI=b')).toEqual([
      { uris: ['a'], dnsNames: [], subject: '' },
      { uris: ['b'], dnsNames: [], subject: '' },
    ]);
  });

  it('keeps a separator inside quotes where it is', () => {
    expect(parseXfcc('Subject="CN=a;URI=spiffe://td/admin,URI=spiffe://td/root"')).toEqual([
      { uris: [], dnsNames: [], subject: 'CN=a;URI=spiffe://td/admin,URI=spiffe://td/root' },
    ]);
  });

  it('takes an escaped quote for no end (a quote cannot be closed from inside)', () => {
    expect(parseXfcc('Subject="CN=\\";URI=spiffe://td/admin;X=\\""')).toEqual([
      { uris: [], dnsNames: [], subject: 'CN=";URI=spiffe://td/admin;X="' },
    ]);
    expect(parseXfcc('Subject="CN=\\\\";URI=a')).toEqual([{ uris: ['a'], dnsNames: [], subject: 'CN=\\' }]);
  });

  it.each([
    ['', 'nothing'],
    ['URI', 'no value'],
    ['=a', 'no key'],
    ['URI=a,', 'an empty element'],
    ['URI=a;', 'an empty pair'],
    [',URI=a', 'an empty element in front'],
    ['Subject="a', 'an open quote'],
    ['Subject="a\\', 'an open escape'],
    ['Subject="a\\n"', 'an unknown escape'],
    ['Subject="a"b', 'something behind a quote'],
    ['URI=a"b', 'a quote inside'],
    ['U RI=a', 'a blank in a key'],
    ['URI=a\0', 'a NUL byte'],
    ['x;URI=a', 'a pair without a value'],
    [`${'URI=a,'.repeat(32)}URI=a`, 'too many elements'],
  ])('is not %j (%s)', (value) => {
    expect(parseXfcc(value)).toBeNull();
  });

  it('reads what was written, and never throws', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', ';', '=', ' '), maxLength: 8 });
    const quoted = (value: string): string => `"${value.replace(/["\\]/g, '\\$&')}"`;
    const written = fc.array(text, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(written, (subjects) => {
        const value = subjects.map((subject) => `Hash=1;Subject=${quoted(subject)}`).join(',');
        expect(parseXfcc(value)?.map(({ subject }) => subject)).toEqual(subjects);
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('URI', 'a', '"', '\\', ',', ';', '='), maxLength: 12 }),
        (value) => {
          const elements = parseXfcc(value);
          if (elements !== null) expect(elements.length).toBeGreaterThan(0);
        },
      ),
      { numRuns: 800 },
    );
  });
});
