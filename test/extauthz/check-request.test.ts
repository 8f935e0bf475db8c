import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CheckRequestView, readCheckRequest } from '../../src/extauthz/check-request.ts';
import { WireError } from '../../src/extauthz/wire/reader.ts';
import { WireWriter } from '../../src/extauthz/wire/writer.ts';
import { encodeCheckRequest, structOf } from './support/messages.ts';

/** Every field of a CheckRequest that Envoy fills, with the headers in one of their two forms. */
function fullRequest(headers: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return {
    source: {
      address: { socketAddress: { address: '10.7.7.7', portValue: 42597 } },
      service: 'spoofed',
      principal: 'spiffe://td/ns/a/sa/b',
      certificate: '-----BEGIN%20CERTIFICATE-----%0AMA%3D%3D%0A-----END%20CERTIFICATE-----%0A',
    },
    destination: {
      address: { socketAddress: { address: '2001:db8::1', portValue: 8080 } },
      labels: { app: 'orders', version: 'v1' },
      principal: 'spiffe://td/ns/shop/sa/orders',
    },
    request: {
      time: { seconds: 1795498527, nanos: 820849000 },
      http: {
        id: '17833975651330883858',
        method: 'GET',
        path: '/orders/7?x=1',
        host: 'Orders.example.com:8080',
        scheme: 'https',
        size: -1,
        protocol: 'HTTP/1.1',
        body: 'not looked at',
        ...headers,
      },
    },
    contextExtensions: { namespace: 'shop', 'label.app': 'orders' },
    metadataContext: {
      filterMetadata: {
        'envoy.filters.http.jwt_authn': structOf({ payload: { iss: 'https://idp', sub: 'alice' } }),
        'envoy.filters.a.b': structOf({ c: ['x'] }),
      },
    },
    routeMetadataContext: {
      filterMetadata: { 'envoy.filters.http.jwt_authn': structOf({ payload: { sub: 'route' } }) },
    },
    tlsSession: { sni: 'Orders.example.com' },
  };
}

const JOINED = { headers: { ':authority': 'Orders.example.com:8080', 'x-a': 'b,c', 'x-empty': '', x_user: 'u' } };
const RAW = {
  headerMap: {
    headers: [
      { key: ':authority', rawValue: Buffer.from('Orders.example.com:8080') },
      { key: 'x-a', rawValue: Buffer.from('b') },
      { key: 'x-empty', rawValue: Buffer.alloc(0) },
      { key: 'x-a', rawValue: Buffer.from([0x63, 0xff]) },
      { key: 'x_user', rawValue: Buffer.from('u') },
    ],
  },
};

const viewOf = (attributes: Readonly<Record<string, unknown>>): CheckRequestView =>
  new CheckRequestView(encodeCheckRequest(attributes));

const httpView = (http: Readonly<Record<string, unknown>>): CheckRequestView => viewOf({ request: { http } });

/** Asks for everything that a view can tell. */
function everything(view: CheckRequestView): unknown {
  return [
    view.method,
    view.target,
    view.authority,
    view.scheme,
    view.protocol,
    view.requestId,
    view.size,
    view.timeMs,
    view.sourceAddress,
    view.sourcePort,
    view.sourcePrincipal,
    view.sourceCertificate,
    view.destinationAddress,
    view.destinationPort,
    view.destinationPrincipal,
    [...view.destinationLabels],
    [...view.contextExtensions],
    view.sni,
    view.headerNames().map((name) => [name, view.header(name)]),
    view.underscoredNames(),
    view.headerStatistics,
    view.hasHttp,
    view.hasContradictingHeaders(),
    view.metadata('envoy.filters.http.jwt_authn'),
    view.metadata('envoy.filters.a.b'),
    view.metadata('x'),
  ];
}

describe.each([
  ['joined', JOINED],
  ['raw', RAW],
])('a CheckRequest with %s headers', (form, headers) => {
  const view = viewOf(fullRequest(headers));

  it('tells every field', () => {
    expect({
      method: view.method,
      target: view.target,
      authority: view.authority,
      scheme: view.scheme,
      protocol: view.protocol,
      requestId: view.requestId,
      size: view.size,
      timeMs: view.timeMs,
      sourceAddress: view.sourceAddress,
      sourcePort: view.sourcePort,
      sourcePrincipal: view.sourcePrincipal,
      destinationAddress: view.destinationAddress,
      destinationPort: view.destinationPort,
      destinationPrincipal: view.destinationPrincipal,
      destinationLabels: [...view.destinationLabels],
      contextExtensions: Object.fromEntries(view.contextExtensions),
      sni: view.sni,
      hasHttp: view.hasHttp,
    }).toEqual({
      method: 'GET',
      target: '/orders/7?x=1',
      authority: 'Orders.example.com:8080',
      scheme: 'https',
      protocol: 'HTTP/1.1',
      requestId: '17833975651330883858',
      size: -1,
      timeMs: 1795498527820,
      sourceAddress: '10.7.7.7',
      sourcePort: 42597,
      sourcePrincipal: 'spiffe://td/ns/a/sa/b',
      destinationAddress: '2001:db8::1',
      destinationPort: 8080,
      destinationPrincipal: 'spiffe://td/ns/shop/sa/orders',
      destinationLabels: [
        ['app', 'orders'],
        ['version', 'v1'],
      ],
      contextExtensions: { namespace: 'shop', 'label.app': 'orders' },
      sni: 'Orders.example.com',
      hasHttp: true,
    });
    expect(view.sourceCertificate).toMatch(/^-----BEGIN%20CERTIFICATE-----%0AMA%3D%3D/);
  });

  it('tells its headers', () => {
    expect(view.headerNames()).toEqual([':authority', 'x-a', 'x-empty', 'x_user']);
    expect(view.underscoredNames()).toEqual(['x_user']);
    expect(view.header('x-a')).toEqual(
      form === 'raw' ? { form: 'exact', lines: ['b', 'c\xff'] } : { form: 'joined', value: 'b,c' },
    );
    expect(view.header('x-empty')).toEqual({ form: 'exact', lines: [''] });
    expect(view.header('x-none')).toEqual({ form: 'exact', lines: [] });
    expect(view.header('x-')).toEqual({ form: 'exact', lines: [] });
    expect(view.hasContradictingHeaders()).toBe(false);
  });

  it('has the pseudo-headers from the fields of their own', () => {
    expect(view.header(':authority')).toEqual({ form: 'exact', lines: ['Orders.example.com:8080'] });
    expect(view.header(':path')).toEqual({ form: 'exact', lines: ['/orders/7?x=1'] });
    expect(view.header(':method')).toEqual({ form: 'exact', lines: ['GET'] });
    expect(view.header(':scheme')).toEqual({ form: 'exact', lines: ['https'] });
  });

  it('tells metadata by filter, and not that of the route', () => {
    expect(view.metadata('envoy.filters.http.jwt_authn')).toEqual(
      new Map([
        [
          'payload',
          new Map([
            ['iss', 'https://idp'],
            ['sub', 'alice'],
          ]),
        ],
      ]),
    );
    expect(view.metadata('envoy.filters.a.b')).toEqual(new Map([['c', ['x']]]));
    expect(view.metadata('envoy.filters')).toBeNull();
    expect(view.metadata('__proto__')).toBeNull();
  });

  it('is no CheckRequest when it is cut anywhere', () => {
    const bytes = encodeCheckRequest(fullRequest(headers));
    for (let length = 1; length < bytes.length; length++)
      expect(readCheckRequest(bytes.subarray(0, length))).toBeNull();
  });

  it('causes no other error than WireError, whatever is changed in it', () => {
    const good = encodeCheckRequest(fullRequest(headers));
    const change = fc.tuple(fc.nat(good.length - 1), fc.nat(255));
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const bytes = Buffer.from(good);
        for (const [at, octet] of changes) bytes[at] = octet;
        const changed = readCheckRequest(bytes);
        if (changed === null) return;
        try {
          everything(changed);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('reads the same with unknown fields everywhere', () => {
    const plain = new WireWriter().message(1, (inner) => {
      inner.text(9, 'unknown').number(2000, 7).double(2001, 1);
    });
    const bytes = Buffer.concat([
      plain.text(2, 'unknown').finish(),
      encodeCheckRequest(fullRequest(headers)),
      new WireWriter().number(77, 1).finish(),
    ]);
    expect(everything(new CheckRequestView(bytes))).toEqual(everything(view));
  });

  it('reads the same from the middle of a larger buffer', () => {
    const bytes = encodeCheckRequest(fullRequest(headers));
    const larger = new Uint8Array(bytes.length + 20).fill(0xff);
    larger.set(bytes, 7);
    expect(everything(new CheckRequestView(larger.subarray(7, 7 + bytes.length)))).toEqual(everything(view));
  });
});

describe('a CheckRequest', () => {
  it('of no bytes describes no request', () => {
    const view = readCheckRequest(new Uint8Array());
    expect(view?.hasHttp).toBe(false);
    expect([view?.method, view?.target, view?.authority, view?.sourceAddress, view?.timeMs]).toEqual([
      '',
      '',
      '',
      '',
      null,
    ]);
  });

  it('without HTTP is one of the network filter', () => {
    expect(viewOf({ source: { principal: 'spiffe://td/x' } }).hasHttp).toBe(false);
    expect(viewOf({ request: { http: {} } }).hasHttp).toBe(true);
  });

  it('has a size of 0 when none is written, as proto3 has it', () => {
    expect(httpView({ method: 'GET' }).size).toBe(0);
    expect(httpView({ size: 12345678901 }).size).toBe(12345678901);
  });

  it('from anything is read or refused, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        const view = readCheckRequest(bytes);
        if (view === null) return;
        try {
          everything(view);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 800 },
    );
  });

  it('has no address when it is none of a socket', () => {
    const view = viewOf({ source: { address: { pipe: { path: '/run/x' } } } });
    expect([view.sourceAddress, view.sourcePort]).toEqual(['', 0]);
  });

  it('lets the last member of a oneof win', () => {
    const socket = (writer: WireWriter): void => {
      writer.message(1, (address) => address.text(2, '10.0.0.1').number(3, 80));
    };
    const pipe = (writer: WireWriter): void => {
      writer.message(2, (address) => address.text(1, '/run/x'));
    };
    const addressOf = (...members: readonly ((writer: WireWriter) => void)[]): readonly [string, number] => {
      const bytes = new WireWriter()
        .message(1, (context) =>
          context.message(1, (peer) => peer.message(1, (address) => members.forEach((write) => write(address)))),
        )
        .finish();
      const { sourceAddress, sourcePort } = new CheckRequestView(bytes);
      return [sourceAddress, sourcePort];
    };
    expect(addressOf(socket, pipe)).toEqual(['', 0]);
    expect(addressOf(pipe, socket)).toEqual(['10.0.0.1', 80]);
  });

  it('merges what comes twice, and the last scalar wins, as protobuf says', () => {
    const bytes = Buffer.concat([
      encodeCheckRequest({ request: { http: { method: 'GET', path: '/a', headers: { 'x-a': '1' } } } }),
      encodeCheckRequest({
        source: { principal: 'spiffe://td/x' },
        request: { http: { method: 'POST', headers: { 'x-b': '2', 'x-a': '3' } } },
        contextExtensions: { a: '1' },
      }),
      encodeCheckRequest({ contextExtensions: { a: '2', b: '3' } }),
    ]);
    const view = new CheckRequestView(bytes);
    expect([view.method, view.target, view.sourcePrincipal]).toEqual(['POST', '/a', 'spiffe://td/x']);
    expect(view.header('x-a')).toEqual({ form: 'exact', lines: ['3'] });
    expect(view.header('x-b')).toEqual({ form: 'exact', lines: ['2'] });
    expect([...view.contextExtensions]).toEqual([
      ['a', '2'],
      ['b', '3'],
    ]);
  });

  it('finds header names in any case, letters only', () => {
    const view = httpView({ headers: { 'X-User': 'a', 'X[': 'b' } });
    expect(view.header('x-user')).toEqual({ form: 'exact', lines: ['a'] });
    expect(view.header('x{')).toEqual({ form: 'exact', lines: [] });
    expect(view.headerNames()).toEqual(['x-user', 'x[']);
  });

  it('has names that are properties of objects', () => {
    const headers = new WireWriter().text(1, '__proto__').text(2, 'x').finish();
    const bytes = new WireWriter()
      .message(1, (context) => context.message(4, (request) => request.message(2, (http) => http.bytes(3, headers))))
      .finish();
    expect(new CheckRequestView(bytes).header('__proto__')).toEqual({ form: 'exact', lines: ['x'] });
    expect(new CheckRequestView(bytes).header('constructor')).toEqual({ form: 'exact', lines: [] });
  });

  it('takes the text value of a raw header that has no bytes', () => {
    const view = httpView({ headerMap: { headers: [{ key: 'x-a', value: 'text' }] } });
    expect(view.header('x-a')).toEqual({ form: 'exact', lines: ['text'] });
  });

  it.each([
    ['joined', 3, 2],
    ['raw', 13, 3],
  ] as const)('reads %s headers of any length and in any order of their fields', (form, field, valueField) => {
    const httpWith = (...entries: readonly Uint8Array[]): CheckRequestView => {
      const http = new WireWriter();
      if (form === 'raw') http.message(field, (map) => entries.forEach((entry) => map.bytes(1, entry)));
      else entries.forEach((entry) => http.bytes(field, entry));
      const request = new WireWriter().bytes(2, http.finish()).finish();
      return new CheckRequestView(new WireWriter().message(1, (context) => context.bytes(4, request)).finish());
    };
    const entry = (key: string, value: string): Uint8Array =>
      new WireWriter().text(1, key).text(valueField, value).finish();
    for (const length of [0, 1, 126, 127, 128, 129, 255, 256, 16_383, 16_384, 20_000]) {
      const text = 'v'.repeat(length);
      const longName = `n${'x'.repeat(length)}`;
      const view = httpWith(
        entry('x-before', 'a'),
        entry('x-long', text),
        entry(longName, 'b'),
        new WireWriter().text(valueField, text).text(1, 'x-behind').finish(),
        new WireWriter().text(1, 'no').text(1, 'x-twice').text(valueField, 'no').text(valueField, text).finish(),
        new WireWriter().text(1, 'x-more').text(valueField, text).number(9, 1).finish(),
        new WireWriter().text(1, 'x-none').finish(),
        entry('x-after', 'c'),
      );
      const value = (name: string): readonly string[] => {
        const lines = view.header(name);
        return lines.form === 'exact' ? lines.lines : [lines.value];
      };
      for (const name of ['x-long', 'x-behind', 'x-twice', 'x-more']) expect(value(name)).toEqual([text]);
      expect([value('x-before'), value(longName), value('x-none'), value('x-after')]).toEqual([
        ['a'],
        ['b'],
        [''],
        ['c'],
      ]);
      expect(view.headerStatistics.count).toBe(8);
    }
    // Lengths that reach past the entry, into what comes behind it.
    for (const octets of [
      [],
      [0x0a],
      [0x0a, 0x01],
      [0x0a, 0x05, 0x61],
      [0x0a, 0x01, 0x61, (valueField << 3) | 2, 0x09],
    ])
      if (octets.length === 0) expect(httpWith(Buffer.from(octets), entry('x', 'y')).header('x')).toBeTruthy();
      else expect(() => httpWith(Buffer.from(octets), entry('x', 'y'))).toThrow(WireError);
  });

  it('counts headers and their bytes', () => {
    expect(httpView(JOINED).headerStatistics).toEqual({ count: 4, bytes: 10 + 23 + 3 + 3 + 7 + 0 + 6 + 1 });
    expect(httpView({}).headerStatistics).toEqual({ count: 0, bytes: 0 });
  });

  it('keeps a thousand headers apart', () => {
    const headers = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`x-${i}`, `v${i}`]));
    const view = httpView({ headers });
    expect(view.header('x-999')).toEqual({ form: 'exact', lines: ['v999'] });
    expect(view.headerStatistics.count).toBe(1000);
  });
});

describe('headers that contradict', () => {
  const base = { method: 'GET', path: '/a', host: 'example.com' };
  const raw = (headers: Readonly<Record<string, string>>): Readonly<Record<string, unknown>> => ({
    headerMap: { headers: Object.entries(headers).map(([key, value]) => ({ key, rawValue: Buffer.from(value) })) },
  });

  it.each([
    ['a host unlike the authority', { headers: { host: 'evil.com' } }],
    ['a host in other case than the authority', { headers: { host: 'EXAMPLE.com' } }],
    ['another :authority', { headers: { ':authority': 'evil.com' } }],
    ['another :path', { headers: { ':path': '/b' } }],
    ['another :method', { headers: { ':method': 'POST' } }],
    ['a raw host unlike the authority', raw({ host: 'evil.com' })],
    ['another value in the other form', { headers: { 'x-a': '1' }, ...raw({ 'x-a': '2' }) }],
    ['a name in one form only', { headers: { 'x-a': '1' }, ...raw({ 'x-a': '1', 'x-b': '2' }) }],
  ])('are %s', (_, headers) => {
    expect(httpView({ ...base, ...headers }).hasContradictingHeaders()).toBe(true);
  });

  it.each([
    ['none', {}],
    ['the pseudo-headers as they are', { headers: { ':authority': 'example.com', ':path': '/a', ':method': 'GET' } }],
    ['a host that is the authority', { headers: { host: 'example.com' } }],
    ['both forms that say the same', { headers: { 'x-a': '1' }, ...raw({ 'x-a': '1' }) }],
  ])('are not %s', (_, headers) => {
    expect(httpView({ ...base, ...headers }).hasContradictingHeaders()).toBe(false);
  });

  it('are not several lines that the other form has joined', () => {
    const view = httpView({
      ...base,
      headers: { 'x-a': '1,2' },
      headerMap: {
        headers: [
          { key: 'x-a', rawValue: Buffer.from('1') },
          { key: 'X-A', rawValue: Buffer.from('2') },
        ],
      },
    });
    expect(view.hasContradictingHeaders()).toBe(false);
  });
});
