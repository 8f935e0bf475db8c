/** Normal forms of what clients send: no exception, the same when made twice, and nothing passes the gate that should not. */
import { joinedHeader } from '../../src/attributes/header-lines.ts';
import { normalizeHost } from '../../src/attributes/host.ts';
import {
  decodeOnce,
  encodePath,
  findAmbiguity,
  MAX_PATH_FORMS,
  pathForms,
  splitTarget,
} from '../../src/attributes/path.ts';
import { parseSpiffeId } from '../../src/attributes/spiffe-id.ts';
import { parseXfcc } from '../../src/identity/xfcc/xfcc.ts';
import { DerError } from '../../src/lib/x509/der.ts';
import { readCertificateNames } from '../../src/lib/x509/names.ts';
import { everyLineMayAvoid, someLineAvoids, someLineMatches } from '../../src/matcher/joined.ts';
import { stringMatcher } from '../../src/matcher/string.ts';
import { valueSet, valueSetMatches } from '../../src/matcher/value-set.ts';
import { certificate, distinguishedName, OID, SAN } from '../../test/lib/x509/certificate.ts';
import { random } from '../lib/random.ts';
import { mutated, shrunk } from './mutate.ts';
import type { Stage } from './stage.ts';

const REPORT_EVERY = 100_000;

/** `problem`: what is wrong with what is made of these bytes; null: nothing. */
function stage(
  name: string,
  about: string,
  good: readonly (string | Uint8Array)[],
  problem: (bytes: Uint8Array) => string | null,
): Stage {
  const inputs = good.map((each) => (typeof each === 'string' ? Buffer.from(each, 'latin1') : each));
  const found = (bytes: Uint8Array): string | null => {
    try {
      return problem(bytes);
    } catch (error) {
      return `thrown: ${String(error)}`;
    }
  };
  return {
    name,
    about,
    count: 1_000_000,
    run({ count, seed, progress }) {
      const from = random(seed);
      for (let done = 0; done < count; done++) {
        const bytes = mutated(inputs, from);
        if (found(bytes) !== null) {
          const small = shrunk(bytes, (each) => found(each) !== null);
          const text = JSON.stringify(latin1(small));
          return {
            done,
            failure: `${found(small) ?? ''}\n  ${text}\n  bytes (hex): ${Buffer.from(small).toString('hex')}`,
          };
        }
        if ((done + 1) % REPORT_EVERY === 0) progress(done + 1);
      }
      return { done: count, failure: null };
    },
  };
}

const latin1 = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');

const paths = stage(
  'paths',
  'mutated targets: the forms are closed and bounded, and nothing passes the gate that has a second reading of its segments',
  [
    ...[
      '/',
      '/a/b/c',
      '/orders/42?x=1&y=%20',
      '/a//b',
      '/a/../b',
      '/a/./b/',
      '/x/..;/admin',
      '/a;v=1/b;w',
      '/%61%2f%62',
      '/a%2Fb',
    ],
    ...[
      '/%252e%252e/x',
      '/a\\b',
      '/a%5cb',
      '/caf%C3%A9',
      '/a%3Fb%23c',
      '/public%2f%2e%2e;x%2fadmin',
      '/a#b',
      '*',
      'a',
      '/%c0%ae/x',
    ],
  ],
  (bytes) => {
    const target = latin1(bytes);
    const { path, query } = splitTarget(target);
    if ((query === null ? path : `${path}?${query}`) !== target) return 'a target is not its path and its query';
    const decoded = decodeOnce(path);
    if (decoded !== null && decodeOnce(encodePath(decoded)) !== decoded) return 'encoding is not undone by decoding';
    const forms = pathForms(path);
    const passes = findAmbiguity(target) === null;
    if (forms === null) return passes ? 'a path with too many readings passes the gate' : null;
    if (forms[0] !== path || forms.length > MAX_PATH_FORMS || new Set(forms).size !== forms.length)
      return 'the readings do not begin with the path, are too many, or come twice';
    for (const form of forms) {
      const again = pathForms(form);
      if (again === null || again.some((each) => !forms.includes(each)))
        return `the readings of the reading ${form} are not among them`;
      if (passes && (!form.startsWith('/') || /\\|\/\/|\/\.\.?(\/|$)/.test(form)))
        return `what passes the gate has the reading ${form}`;
    }
    return null;
  },
);

const hosts = stage(
  'hosts',
  'mutated authorities: normalised twice is normalised once, lower case, no trailing dot',
  [
    ...[
      'shop.example.com',
      'Shop.Example.COM',
      'shop.example.com:8443',
      'shop.example.com.',
      'a.b.',
      'localhost',
      '10.0.0.1:80',
    ],
    ...[
      '[2001:db8::1]',
      '[2001:db8::1]:443',
      'user@shop.example',
      'a_b.example',
      'xn--bcher-kva.example',
      'a,b',
      '-',
      '*.example',
    ],
  ],
  (bytes) => {
    const once = normalizeHost(latin1(bytes));
    if (once === null) return null;
    const { name } = once;
    const twice = normalizeHost(name);
    if (twice === null || twice.name !== name || (twice.port !== null && name !== ''))
      return `normalised twice: ${JSON.stringify([once, twice])}`;
    if (name !== name.toLowerCase()) return `not in lower case: ${name}`;
    return name.endsWith('.') || /[/@,;\\\s]/.test(name) ? `no name of a host: ${name}` : null;
  },
);

const HEADER_VALUES = valueSet(
  ['a', 'b', 'a,b', 'tenant-*', '*-west', 'x'].map((value) => stringMatcher(value, 'present')),
);

const headers = stage(
  'headers',
  'mutated header values: what may have been joined is told so, and the answers about its lines do not contradict each other',
  [
    'a',
    'a,b',
    'a, b',
    'b,a,b',
    '',
    'tenant-7',
    'tenant-7,tenant-8',
    'north-west',
    'x,,x',
    ',',
    'ab,tenant-,a',
    'a,b,c,d,e,f,g,h,i,j,k',
  ],
  (bytes) => {
    const value = latin1(bytes);
    const lines = joinedHeader('x-tenant', value);
    if (lines.form === 'exact')
      return value.includes(',') || lines.lines.length !== 1 || lines.lines[0] !== value
        ? 'not the line that it is'
        : null;
    const whole = valueSetMatches(HEADER_VALUES, value);
    // The value as a whole is one of the lines that it may have been.
    if (whole && !someLineMatches(value, HEADER_VALUES)) return 'the value matches, and no line of it may';
    if (!whole && !someLineAvoids(value, HEADER_VALUES)) return 'the value does not match, and every line of it must';
    if (!whole && !everyLineMayAvoid(value, HEADER_VALUES)) return 'the value does not match, and some line of it must';
    if (everyLineMayAvoid(value, HEADER_VALUES) && !someLineAvoids(value, HEADER_VALUES))
      return 'every line may avoid, and none does';
    return null;
  },
);

const ID = 'spiffe://cluster.local/ns/shop/sa/web';

const xfcc = stage(
  'xfcc',
  'mutated x-forwarded-client-cert: read or refused, no NUL, written anew and read again it says the same',
  [
    ...[
      `By=${ID};Hash=0123abcd;URI=${ID}`,
      `URI=${ID},By=${ID};URI=spiffe://td/x`,
      `Subject="CN=web,O=\\"Shop\\"";URI=${ID};DNS=web.shop`,
    ],
    ...['Hash=1;Cert="-----BEGIN%20CERTIFICATE-----";Chain=""', `uri=${ID};dns=a;dns=b;subject="\\\\"`, 'URI=', 'By=x'],
  ],
  (bytes) => {
    const elements = parseXfcc(latin1(bytes));
    if (elements === null) return null;
    if (elements.length === 0) return 'no element, and not refused';
    const texts = elements.flatMap(({ uris, dnsNames, subject }) => [...uris, ...dnsNames, subject ?? '']);
    if (texts.some((text) => text.includes('\0'))) return 'a name with a NUL byte';
    for (const text of texts) {
      const id = parseSpiffeId(text);
      if (id !== null && `spiffe://${id.id}` !== text) return `an id that is not its text: ${text}`;
    }
    const quoted = (text: string): string => `"${text.replaceAll(/[\\"]/g, '\\$&')}"`;
    // What it says of names only: an element of which nothing is left cannot be written.
    const named = elements.map(({ uris, dnsNames, subject }) => ({ uris, dnsNames, subject }));
    const written = named
      .map(({ uris, dnsNames, subject }) =>
        [
          ...uris.map((uri) => `URI=${quoted(uri)}`),
          ...dnsNames.map((name) => `DNS=${quoted(name)}`),
          ...(subject === null ? [] : [`Subject="${subject}"`]),
        ].join(';'),
      )
      .map((element) => (element === '' ? 'Hash=' : element))
      .join(',');
    // Subjects stand as they are: one with escapes or quotes of its own is not written by quoting it.
    if (named.some(({ subject }) => /[\\"]/.test(subject ?? ''))) return null;
    const again = parseXfcc(written)?.map(({ uris, dnsNames, subject }) => ({ uris, dnsNames, subject }));
    return JSON.stringify(again) === JSON.stringify(named) ? null : `written anew: ${written}`;
  },
);

const x509 = stage(
  'x509',
  'mutated certificates: their names are read or a DerError is thrown, no name has a NUL byte, and twice says the same',
  [
    certificate({ names: [[SAN.uri, ID]] }),
    certificate({
      names: [
        [SAN.uri, ID],
        [SAN.dns, 'web.shop'],
        [SAN.email, 'a@b'],
        [SAN.ip, Buffer.of(10, 0, 0, 1)],
      ],
      criticalNames: true,
    }),
    certificate({
      names: [
        [SAN.dns, '*.shop.example'],
        [SAN.uri, ''],
        [SAN.uri, 'https://example.com'],
      ],
    }),
    certificate({
      subject: distinguishedName(
        [{ oid: OID.commonName, value: 'web' }],
        [
          { oid: OID.organization, value: 'Shop, "Inc"' },
          { oid: OID.unit, tag: 0x1e, value: Buffer.from([0, 0x41, 0x01, 0x42]) },
        ],
      ),
    }),
    certificate({ version1: true }),
  ],
  (bytes) => {
    try {
      const once = readCertificateNames(bytes);
      return JSON.stringify(readCertificateNames(Buffer.from(bytes))) === JSON.stringify(once)
        ? null
        : 'read twice, it says two things';
    } catch (error) {
      return error instanceof DerError ? null : `thrown: ${String(error)}`;
    }
  },
);

export const normalForms: readonly Stage[] = [paths, hosts, headers, xfcc, x509];
