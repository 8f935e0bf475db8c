import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { joinedHeader } from '../../../src/attributes/header-lines.ts';
import type { HeaderLines } from '../../../src/attributes/header-lines.ts';
import { ApiKeys } from '../../../src/identity/api-key/api-key.ts';
import type { KeyCarrier } from '../../../src/identity/api-key/presented.ts';
import type { Authenticated } from '../../../src/identity/proof.ts';
import type { ApiKey, ApiKeyProvider, ProofLocations } from '../../../src/policy/identity-model.ts';
import { PARAMETERS, TIMEOUT_MS, named } from '../../property/runs.ts';

const NOW_MS = Date.parse('2026-06-01T12:00:00Z');
const KEY = 'pk_live_4f9a';
const OTHER = 'pk_live_77b1';
const NOWHERE: ProofLocations = { headers: [], params: [], cookies: [] };

const hashOf = (key: string): string => createHash('sha256').update(key, 'latin1').digest('hex');

function apiKey(differs: Partial<ApiKey> & { readonly keys?: readonly string[] } = {}): ApiKey {
  const { keys = [KEY], ...fields } = differs;
  return {
    id: 'ci-1',
    owner: 'ci',
    sha256: keys.map(hashOf),
    labels: new Map([['team', 'payments']]),
    fromMs: null,
    untilMs: null,
    position: { file: 'keys.yaml', line: 1, column: 1 },
    ...fields,
  };
}

function provider(locations: Partial<ProofLocations> = {}, ...keys: readonly ApiKey[]): ApiKeys {
  const whole: ApiKeyProvider = {
    type: 'apiKey',
    id: 'shop/keys',
    locations: { ...NOWHERE, ...locations },
    forwardOriginal: false,
    issuer: 'https://keys.shop.example',
    keys: keys.length === 0 ? [apiKey()] : keys,
  };
  return new ApiKeys(whole);
}

/** Lines as they came, or one text in which they may have been joined. */
type Headers = Readonly<Record<string, readonly string[] | string>>;

function carrier(headers: Headers, query: string | null = null): KeyCarrier {
  return {
    query,
    header: (name): HeaderLines => {
      const value = headers[name] ?? [];
      return typeof value === 'string' ? joinedHeader(name, value) : { form: 'exact', lines: value };
    },
  };
}

function told(result: Authenticated): string {
  if (result.outcome === 'invalid') return result.description;
  return result.outcome === 'verified' ? `key ${JSON.stringify(result.claims.get('api_key_id'))}` : result.outcome;
}

const ask = (keys: ApiKeys, headers: Headers, query: string | null = null): string =>
  told(keys.authenticate(carrier(headers, query), NOW_MS));

const SEVERAL = 'more than one API key was sent';
const MALFORMED = 'the API key is malformed';
const UNKNOWN = 'the API key is not known';

describe('an API key', () => {
  it('says who owns it, and what is written beside it', () => {
    const result = provider().authenticate(carrier({ 'x-api-key': [KEY] }), NOW_MS);
    expect(result).toEqual({
      outcome: 'verified',
      provider: 'shop/keys',
      claims: new Map([
        ['team', 'payments'],
        ['iss', 'https://keys.shop.example'],
        ['sub', 'ci'],
        ['api_key_id', 'ci-1'],
      ]),
      untilMs: Number.MAX_SAFE_INTEGER,
      payload: '',
    });
  });

  it('has texts as bytes', () => {
    const keys = provider({}, apiKey({ owner: 'Zoë', labels: new Map([['café', 'ü']]) }));
    const result = keys.authenticate(carrier({ 'x-api-key': [KEY] }), NOW_MS);
    const claims = result.outcome === 'verified' ? result.claims : new Map();
    expect([claims.get('sub'), claims.get('caf\xc3\xa9')]).toEqual(['Zo\xc3\xab', '\xc3\xbc']);
  });

  it('has an owner, an issuer and an id that no label can take', () => {
    const labels = new Map([
      ['sub', 'admin'],
      ['iss', 'https://other.example'],
      ['api_key_id', 'other'],
      ['__proto__', 'x'],
    ]);
    const result = provider({}, apiKey({ labels })).authenticate(carrier({ 'x-api-key': [KEY] }), NOW_MS);
    expect(result).toMatchObject({
      claims: new Map([
        ['sub', 'ci'],
        ['iss', 'https://keys.shop.example'],
        ['api_key_id', 'ci-1'],
        ['__proto__', 'x'],
      ]),
    });
  });

  it('is rotated by overlap: each of its hashes will do', () => {
    const keys = provider({}, apiKey({ keys: [KEY, OTHER] }));
    expect([KEY, OTHER, 'third'].map((key) => ask(keys, { 'x-api-key': [key] }))).toEqual([
      'key "ci-1"',
      'key "ci-1"',
      UNKNOWN,
    ]);
  });

  it('is known by a hash in digits of any case', () => {
    expect(ask(provider({}, apiKey({ sha256: [hashOf(KEY).toUpperCase()] })), { 'x-api-key': [KEY] })).toBe(
      'key "ci-1"',
    );
  });

  it.each(['', 'zz', hashOf(KEY).slice(2), `${hashOf(KEY)}00`, `${hashOf(KEY).slice(0, 63)}g`, KEY])(
    'is not known by the hash %j',
    (sha256) => {
      expect(ask(provider({}, apiKey({ sha256: [sha256] })), { 'x-api-key': [KEY] })).toBe(UNKNOWN);
    },
  );

  it('is nobody’s when two claim it', () => {
    const keys = provider({}, apiKey(), apiKey({ id: 'ci-2', owner: 'admin' }), apiKey({ id: 'ci-3', keys: [OTHER] }));
    expect(ask(keys, { 'x-api-key': [KEY] })).toBe(UNKNOWN);
    expect(ask(keys, { 'x-api-key': [OTHER] })).toBe('key "ci-3"');
    const thrice = provider({}, apiKey(), apiKey({ id: 'ci-2' }), apiKey({ id: 'ci-3' }));
    expect(ask(thrice, { 'x-api-key': [KEY] })).toBe(UNKNOWN);
    expect(ask(provider({}, apiKey({ keys: [KEY, KEY] })), { 'x-api-key': [KEY] })).toBe('key "ci-1"');
  });

  it('is good within its window: from its first millisecond until before its last', () => {
    const keys = provider({}, apiKey({ fromMs: NOW_MS, untilMs: NOW_MS + 1000 }));
    const at = (ms: number): string => told(keys.authenticate(carrier({ 'x-api-key': [KEY] }), ms));
    expect([NOW_MS - 1, NOW_MS, NOW_MS + 999, NOW_MS + 1000, Number.NaN].map(at)).toEqual([
      'the API key is not valid yet',
      'key "ci-1"',
      'key "ci-1"',
      'the API key has expired',
      'the API key is not valid yet',
    ]);
    expect(keys.authenticate(carrier({ 'x-api-key': [KEY] }), NOW_MS)).toMatchObject({ untilMs: NOW_MS + 1000 });
  });

  it('is told of by no answer that the provider gives', () => {
    const keys = provider({}, apiKey({ untilMs: 0 }));
    for (const headers of [{ 'x-api-key': [KEY] }, { 'x-api-key': [OTHER] }, { 'x-api-key': [KEY, OTHER] }])
      expect(JSON.stringify(keys.authenticate(carrier(headers), NOW_MS))).not.toMatch(/pk_live|[0-9a-f]{16}/);
  });
});

describe('where a key is looked for', () => {
  it('is the header x-api-key unless the provider says', () => {
    expect(ask(provider(), {})).toBe('none');
    expect(ask(provider(), { authorization: [KEY], 'x-api_key': [KEY], cookie: [`key=${KEY}`] }, `key=${KEY}`)).toBe(
      'none',
    );
    expect(ask(provider({ params: ['key'] }), { 'x-api-key': [KEY] })).toBe('none');
  });

  it('is a header, behind its prefix', () => {
    const keys = provider({ headers: [{ name: 'authorization', prefix: 'ApiKey ' }] });
    const values = [`ApiKey ${KEY}`, KEY, `Bearer ${KEY}`, `apikey ${KEY}`, 'ApiKey ', `ApiKey  ${KEY}`, 'ApiKey'];
    expect(values.map((value) => ask(keys, { authorization: [value] }))).toEqual([
      'key "ci-1"',
      'none',
      'none',
      'none',
      MALFORMED,
      MALFORMED,
      'none',
    ]);
  });

  it('is a query parameter, its escapes decoded once', () => {
    const keys = provider({ params: ['api_key'] });
    const queries = [
      `api_key=${KEY}`,
      `a=b&api_key=${KEY}&c`,
      `api%5Fkey=${KEY}`,
      `api_key=%70k_live_4f9a`,
      `api_key=%2570k_live_4f9a`,
      `API_KEY=${KEY}`,
      `xapi_key=${KEY}`,
      'api_key',
      'api_key=',
      'api_key=%zz',
      `api_key=${KEY}%00`,
      `api_key=${KEY};x=y`,
      `api_key=${KEY}&api_key=${KEY}`,
      `api_key=${KEY}&api%5fkey=${OTHER}`,
      '',
    ];
    expect(queries.map((query) => ask(keys, {}, query))).toEqual([
      'key "ci-1"',
      'key "ci-1"',
      'key "ci-1"',
      'key "ci-1"',
      UNKNOWN,
      'none',
      'none',
      MALFORMED,
      MALFORMED,
      MALFORMED,
      MALFORMED,
      MALFORMED,
      'key "ci-1"',
      SEVERAL,
      'none',
    ]);
  });

  it('is a cookie, on any line of them', () => {
    const keys = provider({ cookies: ['key'] });
    const lines: readonly (readonly string[])[] = [
      [`key=${KEY}`],
      [`a=b; key=${KEY}; c=d`],
      ['a=b', `key=${KEY}`],
      [`key=${KEY}; key=${OTHER}`],
      [`key=${KEY}`, `key=${OTHER}`],
      [`Key=${KEY}`],
      [`key="${KEY}"`],
      ['key'],
      [`akey=${KEY}`],
    ];
    expect(lines.map((cookie) => ask(keys, { cookie }))).toEqual([
      'key "ci-1"',
      'key "ci-1"',
      'key "ci-1"',
      SEVERAL,
      SEVERAL,
      'none',
      UNKNOWN,
      MALFORMED,
      'none',
    ]);
  });

  it('is all of its places at once: the same key may be in each, different ones in none', () => {
    const keys = provider({ headers: [{ name: 'x-api-key', prefix: '' }], params: ['key'], cookies: ['key'] });
    expect(ask(keys, { 'x-api-key': [KEY], cookie: [`key=${KEY}`] }, `key=${KEY}`)).toBe('key "ci-1"');
    expect(ask(keys, { 'x-api-key': [KEY], cookie: [`key=${OTHER}`] })).toBe(SEVERAL);
    expect(ask(keys, { 'x-api-key': [OTHER] }, `key=${KEY}`)).toBe(SEVERAL);
    expect(ask(keys, { cookie: [`key=${KEY}`] }, 'key=nonsense')).toBe(SEVERAL);
    expect(ask(keys, { 'x-api-key': [''] }, `key=${KEY}`)).toBe(MALFORMED);
  });
});

describe('what no key can be', () => {
  it.each([
    '',
    ' ',
    `${KEY} `,
    ` ${KEY}`,
    `${KEY}\0`,
    `${KEY}\n`,
    `${KEY}\x7f`,
    `${KEY}\xe9`,
    `${KEY},${KEY}`,
    `${KEY};`,
    'k'.repeat(1025),
  ])('%j is malformed', (key) => {
    // Even one whose hash is in a file.
    const keys = provider({}, apiKey({ keys: [key] }));
    expect(ask(keys, { 'x-api-key': [key] })).toBe(MALFORMED);
  });

  it('a key of 1,024 bytes is one', () => {
    const key = 'k'.repeat(1024);
    expect(ask(provider({}, apiKey({ keys: [key] })), { 'x-api-key': [key] })).toBe('key "ci-1"');
  });
});

describe('a joined header', () => {
  it.each([
    [`${KEY},${OTHER}`],
    [`${OTHER},${KEY}`],
    [`${KEY},${KEY}`],
    [`${KEY}, ${KEY}`],
    [`${KEY},`],
    [`,${KEY}`],
    [','],
  ])('%j has no key', (value) => {
    const keys = provider({}, apiKey({ keys: [KEY, `${KEY},`, `${KEY},${KEY}`] }), apiKey({ id: 'x', keys: [OTHER] }));
    expect(ask(keys, { 'x-api-key': value })).toBe(MALFORMED);
  });

  it('has none behind a prefix in one part of it', () => {
    const keys = provider({ headers: [{ name: 'x-key', prefix: 'K ' }] });
    for (const value of [`a,K ${KEY}`, `K ${KEY},a`, `K ${KEY},K ${KEY}`, `a, K ${KEY}`])
      expect([value, ask(keys, { 'x-key': value })]).toEqual([value, MALFORMED]);
    // Envoy strips the blanks around a line: `K` alone has no prefix, whichever way it came.
    for (const value of ['a,b', 'a,K']) expect(ask(keys, { 'x-key': value })).toBe('none');
    expect(ask(keys, { 'x-key': `K ${KEY}` })).toBe('key "ci-1"');
  });

  it('of cookies has one only where a comma is nowhere near it', () => {
    const keys = provider({ cookies: ['key'] });
    for (const value of [`a=b,key=${KEY}`, `key=${KEY},a=b`, `a=b; key=${KEY},key=${OTHER}`, `key=${KEY}; a=b,key=x`])
      expect([value, ask(keys, { cookie: value })]).toEqual([value, MALFORMED]);
    expect(ask(keys, { cookie: `a=b,c=d; key=${KEY}` })).toBe('key "ci-1"');
    expect(ask(keys, { cookie: 'a=b,c=d' })).toBe('none');
  });

  const line = fc
    .array(fc.constantFrom('K ', KEY, OTHER, ',', ';', ' ', '=', 'key', 'a'), { maxLength: 6 })
    .map((tokens) => tokens.join('').trim());

  it(
    named('never verifies what one of its readings would not'),
    () => {
      const known = [apiKey(), apiKey({ id: 'other', owner: 'o', keys: [OTHER] })];
      const providers = [
        provider({}, ...known),
        provider({ headers: [{ name: 'x-api-key', prefix: 'K ' }] }, ...known),
        provider({ cookies: ['key'] }, ...known),
      ];
      fc.assert(
        fc.property(line, (value) => {
          const seams = [...value.matchAll(/,/g)].map(({ index }) => index);
          for (const keys of providers) {
            const joined = ask(keys, { 'x-api-key': value, cookie: value });
            if (joined === 'none' || joined.startsWith('key ')) {
              // Each subset of the commas may have been the seams.
              for (let subset = 0; subset < 2 ** seams.length; subset++) {
                const cuts = seams.filter((_, i) => (subset >> i) & 1);
                const lines = [...cuts, value.length].map((end, i) =>
                  value.slice(i === 0 ? 0 : cuts[i - 1]! + 1, end).trim(),
                );
                expect(ask(keys, { 'x-api-key': lines, cookie: lines })).toBe(joined);
              }
            }
          }
        }),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
      );
    },
    TIMEOUT_MS,
  );
});

describe('whatever is sent', () => {
  it(
    named('verifies the known keys and no others, and never throws'),
    () => {
      const keys = provider({ headers: [{ name: 'x-api-key', prefix: '' }], params: ['key'], cookies: ['key'] });
      const noise = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((c) => String.fromCharCode(c)) });
      const value = fc.oneof(
        fc.constantFrom(KEY, KEY.slice(1), `${KEY}0`, KEY.toUpperCase()),
        noise,
        fc.tuple(noise, fc.constant(KEY), noise).map((parts) => parts.join('')),
      );
      fc.assert(
        fc.property(fc.array(value, { maxLength: 2 }), fc.option(value), (lines, query) => {
          const result = ask(keys, { 'x-api-key': lines, cookie: lines }, query === null ? null : `key=${query}`);
          if (result.startsWith('key ')) {
            // Some place said exactly the key; a header line that says something else would have been a second key.
            for (const text of lines) expect(text).toBe(KEY);
            if (query !== null && lines.length === 0) expect(decodeURIComponent(query.split('&')[0]!)).toBe(KEY);
          }
        }),
        { ...PARAMETERS, numRuns: PARAMETERS.numRuns * 20 },
      );
    },
    TIMEOUT_MS,
  );
});
