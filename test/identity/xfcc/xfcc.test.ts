import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parseXfcc } from '../../../src/identity/xfcc/xfcc.ts';
import type { XfccElement } from '../../../src/identity/xfcc/xfcc.ts';
import { PARAMETERS, named } from '../../property/runs.ts';

const HASH = '26ef1b53b1ac40b4b4cf0b6a1d79c4bd8fbc21b8d94a4f6ac3c9e1f1b0a2d3e4';

const element = (differs: Partial<XfccElement> = {}): XfccElement => ({
  uris: [],
  dnsNames: [],
  subject: null,
  hash: null,
  certificate: '',
  ...differs,
});

describe('x-forwarded-client-cert', () => {
  it('is what Envoy writes', () => {
    const value =
      `By=spiffe://td/ns/shop/sa/orders;Hash=${HASH};Subject="";URI=spiffe://td/ns/edge/sa/a,` +
      `By=spiffe://td/x;By=https://x;Hash=${HASH};Cert="-----BEGIN%20CERTIFICATE-----";Chain="-----BEGIN";` +
      'Subject="CN=b,O=\\"B\\; Inc\\"\\, \\\\";URI=spiffe://td/b;URI=https://b;DNS=b.example.com;DNS=c.example.com';
    expect(parseXfcc(value)).toEqual([
      element({ hash: HASH, subject: '', uris: ['spiffe://td/ns/edge/sa/a'] }),
      element({
        hash: HASH,
        certificate: '-----BEGIN%20CERTIFICATE-----',
        // RFC 4514 text has these escapes: the header adds none.
        subject: 'CN=b,O=\\"B\\; Inc\\"\\, \\\\',
        uris: ['spiffe://td/b', 'https://b'],
        dnsNames: ['b.example.com', 'c.example.com'],
      }),
    ]);
  });

  it('has an empty URI where the certificate has none', () => {
    expect(parseXfcc(`Hash=${HASH};URI=`)).toEqual([element({ hash: HASH })]);
  });

  it('has keys in any case, and blanks in front of an element', () => {
    expect(parseXfcc('uri=a,  URI=b')).toEqual([element({ uris: ['a'] }), element({ uris: ['b'] })]);
  });

  it('has the hash of a certificate in any case, and no other text as one', () => {
    expect(parseXfcc(`hash=${HASH.toUpperCase()}`)).toEqual([element({ hash: HASH })]);
    for (const hash of ['', '00', `${HASH}0`, `${HASH.slice(1)}g`, `${HASH.slice(1)}:`])
      expect(parseXfcc(`Hash=${hash};URI=a`)).toEqual([element({ uris: ['a'] })]);
  });

  it('keeps a separator inside quotes where it is', () => {
    const subject = 'CN=a;URI=spiffe://td/admin,URI=spiffe://td/root';
    expect(parseXfcc(`Subject="${subject}"`)).toEqual([element({ subject })]);
    expect(parseXfcc(`URI="a;b,c=d";DNS="e\\"\\\\f"`)).toEqual([element({ uris: ['a;b,c=d'], dnsNames: ['e"\\f'] })]);
  });

  it('takes an escaped quote for no end (a quote cannot be closed from inside)', () => {
    expect(parseXfcc('Subject="CN=\\";URI=spiffe://td/admin;X=\\""')).toEqual([
      element({ subject: 'CN=\\";URI=spiffe://td/admin;X=\\"' }),
    ]);
    expect(parseXfcc('Subject="CN=\\\\";URI=a')).toEqual([element({ subject: 'CN=\\\\', uris: ['a'] })]);
    expect(parseXfcc('Subject="CN=\\\\\\";URI=a"')).toEqual([element({ subject: 'CN=\\\\\\";URI=a' })]);
  });

  it('is read to its last element', () => {
    expect(parseXfcc(`${'URI=a,'.repeat(31)}URI=b`)).toHaveLength(32);
  });

  it.each([
    ['', 'nothing'],
    [' ', 'blanks'],
    ['URI', 'no value'],
    ['=a', 'no key'],
    ['URI=a,', 'an empty element'],
    ['URI=a, ', 'a blank element'],
    ['URI=a;', 'an empty pair'],
    [',URI=a', 'an empty element in front'],
    ['URI=a,,URI=b', 'an empty element in between'],
    ['Subject="a', 'an open quote'],
    ['Subject="', 'nothing but an open quote'],
    ['Subject="a\\', 'an open escape'],
    ['Subject="a\\"', 'an escaped quote at the end'],
    ['URI="a\\n"', 'an unknown escape'],
    ['Subject="a"b', 'something behind a quote'],
    ['Subject="a" ;URI=b', 'a blank behind a quote'],
    ['URI=a"b', 'a quote inside'],
    ['URI= "a"', 'a quote behind a blank'],
    ['U RI=a', 'a blank in a key'],
    ['URI =a', 'a blank behind a key'],
    ['URI=a; DNS=b', 'a blank between pairs'],
    ['\tURI=a', 'a tab'],
    ['URI=a\0', 'a NUL byte'],
    ['URI="a\0"', 'a NUL byte in quotes'],
    ['URI=a\nURI=b', 'a line feed'],
    ['URI=a\x7f', 'a DEL byte'],
    ['\xa0URI=a', 'a blank that is none'],
    ['ur\xcd=a', 'a letter that is none'],
    ['x;URI=a', 'a pair without a value'],
    ['Hash=a;Hash=b', 'two hashes'],
    ['Subject="";Subject="CN=a"', 'two subjects'],
    ['subject="";SUBJECT="CN=a"', 'two subjects in other cases'],
    ['Cert="a";URI=a;Cert="a"', 'two certificates'],
    ['Chain="a";Chain="b"', 'two chains'],
    ['URI=;DNS=x;URI=spiffe://td/admin', 'a URI beside the empty one of a certificate without'],
    ['URI=spiffe://td/admin;uri=""', 'a URI in front of it'],
    ['[{"uri":["spiffe://td/a"]}]', 'JSON'],
    ['{"uri":"spiffe://td/a"}', 'an object of JSON'],
    [`${'URI=a,'.repeat(32)}URI=a`, 'too many elements'],
    [`URI=${'a'.repeat(256 * 1024)}`, 'too long'],
  ])('is not %j (%s)', (value) => {
    expect(parseXfcc(value)).toBeNull();
  });
});

const HOSTILE = fc.string({ unit: fc.constantFrom('a', '"', '\\', ',', ';', '=', ' '), maxLength: 8 });

describe('any x-forwarded-client-cert', () => {
  it(named('is read as it was written by Envoy’s rules'), () => {
    // RFC 4514 escapes quotes and backslashes itself.
    const subjectText = HOSTILE.map((text) => text.replace(/["\\,;=]/g, '\\$&'));
    // Written bare, so that it has no separators.
    const bare = fc.string({ unit: fc.constantFrom('a', ':', '/', '=', '\\', '?', '%'), minLength: 1, maxLength: 8 });
    const written = fc.record({
      subject: fc.option(subjectText),
      uris: fc.array(bare, { maxLength: 3 }),
      dnsNames: fc.array(bare, { maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 4 }), (elements) => {
        const value = elements
          .map(({ subject, uris, dnsNames }) =>
            [
              `Hash=${HASH}`,
              ...(subject === null ? [] : [`Subject="${subject}"`]),
              ...(uris.length === 0 ? ['URI='] : uris.map((uri) => `URI=${uri}`)),
              ...dnsNames.map((name) => `DNS=${name}`),
            ].join(';'),
          )
          .join(',');
        expect(parseXfcc(value)).toEqual(elements.map((each) => element({ ...each, hash: HASH })));
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 10 },
    );
  });

  it(named('is read as it was written by the documented rules'), () => {
    const quoted = (text: string): string => `"${text.replace(/["\\]/g, '\\$&')}"`;
    fc.assert(
      fc.property(fc.array(HOSTILE, { minLength: 1, maxLength: 4 }), (uris) => {
        const value = uris.map((uri) => `URI=${quoted(uri)}`).join(',');
        expect(parseXfcc(value)?.map((each) => each.uris)).toEqual(uris.map((uri) => (uri === '' ? [] : [uri])));
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 10 },
    );
  });

  it(named('gets no second name from a subject, whatever its holder wrote into it'), () => {
    const subject = fc
      .string({ unit: fc.constantFrom('"', '\\', ',', ';', 'URI=spiffe://td/admin', 'a'), maxLength: 8 })
      .map((text) => text.replace(/["\\,;=]/g, '\\$&'));
    fc.assert(
      fc.property(subject, (text) => {
        const elements = parseXfcc(`Hash=${HASH};Subject="${text}";URI=spiffe://td/web`);
        expect(elements?.map(({ uris }) => uris)).toEqual([['spiffe://td/web']]);
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 10 },
    );
  });

  it(named('is elements or nothing, and never throws'), () => {
    const token = fc.constantFrom(
      'URI',
      'uri',
      'Hash',
      'Subject',
      'Cert',
      'a',
      '"',
      '\\',
      ',',
      ';',
      '=',
      ' ',
      '\0',
      '\xff',
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 14 }), (tokens) => {
        const value = tokens.join('');
        const elements = parseXfcc(value);
        if (elements === null) return;
        expect(elements.length).toBeGreaterThan(0);
        // Nothing comes out that was not put in.
        for (const { uris, subject } of elements)
          for (const text of [...uris, subject ?? ''])
            expect(value.replaceAll('\\', '')).toContain(text.replaceAll('\\', ''));
      }),
      { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
    );
  });
});
