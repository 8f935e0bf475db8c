import { create, fromBinary, toJson, type JsonValue } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { readCheckRequest } from '../../../src/extauthz/json/check-request.ts';
import { checkRequestType } from '../../../src/extauthz/json/proto-types.ts';

/** What the bytes hold, in the one canonical JSON form. */
function meaning(value: JsonValue): JsonValue {
  const result = readCheckRequest(JSON.stringify(value));
  if ('error' in result) throw new Error(result.error.message);
  return toJson(checkRequestType(), fromBinary(checkRequestType(), result.bytes));
}

function http(fields: Record<string, JsonValue>): JsonValue {
  return { attributes: { request: { http: fields } } };
}

describe('protobuf JSON', () => {
  test('keeps every field of a request as Envoy tells it', () => {
    const whole: JsonValue = {
      attributes: {
        source: {
          address: { socketAddress: { address: '10.0.0.1', portValue: 33000 } },
          service: 's',
          labels: { app: 'web' },
          principal: 'spiffe://cluster.local/ns/shop/sa/web',
          certificate: '-----BEGIN%20CERTIFICATE-----',
        },
        destination: { address: { pipe: { path: '/run/x.sock', mode: 420 } }, labels: { app: 'orders' } },
        request: {
          time: '2026-11-24T05:35:26.436845Z',
          http: {
            id: '1',
            method: 'GET',
            headers: { ':path': '/a', 'x-a': 'é' },
            path: '/a',
            host: 'h',
            scheme: 'https',
            size: '-1',
            protocol: 'HTTP/2',
            rawBody: '//79',
          },
        },
        contextExtensions: { namespace: 'shop', 'label.app': 'orders' },
        metadataContext: {
          filterMetadata: {
            'envoy.filters.http.jwt_authn': {
              payload: { sub: 'a', aud: ['x', 'y'], exp: 1e9, ok: true, none: null, deep: { list: [[1], {}] } },
            },
          },
        },
        routeMetadataContext: { filterMetadata: { a: {} } },
        tlsSession: { sni: 'h' },
      },
    };
    expect(meaning(whole)).toStrictEqual(whole);
  });

  test('keeps raw headers and their order', () => {
    const headers = [
      { key: 'x-a', rawValue: 'AQL/' },
      { key: 'x-a', value: 'text' },
    ];
    expect(meaning(http({ headerMap: { headers } }))).toStrictEqual(http({ headerMap: { headers } }));
  });

  test('takes the names of the .proto files too', () => {
    const written = {
      attributes: {
        context_extensions: { a: 'b' },
        source: { address: { socket_address: { address: '::1', port_value: 1 } } },
        metadata_context: { filter_metadata: { n: { k: 'v' } } },
        request: { http: { raw_body: 'AQ==', header_map: { headers: [{ key: 'k', raw_value: 'dg==' }] } } },
      },
    };
    expect(meaning(written)).toStrictEqual({
      attributes: {
        contextExtensions: { a: 'b' },
        source: { address: { socketAddress: { address: '::1', portValue: 1 } } },
        metadataContext: { filterMetadata: { n: { k: 'v' } } },
        request: { http: { rawBody: 'AQ==', headerMap: { headers: [{ key: 'k', rawValue: 'dg==' }] } } },
      },
    });
  });

  test.each<[string, JsonValue, JsonValue]>([
    ['int64 as a number', http({ size: 12 }), http({ size: '12' })],
    ['int64 beyond doubles', http({ size: '9007199254740993' }), http({ size: '9007199254740993' })],
    ['bytes in URL-safe base64 without padding', http({ rawBody: '-_8' }), http({ rawBody: '+/8=' })],
    ['null for an absent field', http({ path: null, headers: null, method: 'GET' }), http({ method: 'GET' })],
    ['null for a message', { attributes: { source: null } }, { attributes: {} }],
    ['an empty request', {}, {}],
  ])('%s', (_name, written, meant) => {
    expect(meaning(written)).toStrictEqual(meant);
  });

  test.each([
    ['2026-11-24T05:35:26Z', '2026-11-24T05:35:26Z'],
    ['2026-11-24T06:35:26.5+01:00', '2026-11-24T05:35:26.500Z'],
    ['2026-11-24T05:35:26.000000001Z', '2026-11-24T05:35:26.000000001Z'],
  ])('a time as %s', (written, meant) => {
    expect(meaning({ attributes: { request: { time: written } } })).toStrictEqual({
      attributes: { request: { time: meant } },
    });
  });

  test('enums by name and by number', () => {
    const address = (protocol: JsonValue): JsonValue => ({
      attributes: { source: { address: { socketAddress: { protocol, address: 'a' } } } },
    });
    expect(meaning(address('UDP'))).toStrictEqual(meaning(address(1)));
    expect(meaning(address('UDP'))).toStrictEqual(address('UDP'));
  });

  test('leaves out typed metadata, whatever type it is of', () => {
    const typed = { n: { '@type': 'type.googleapis.com/some.Unknown', field: 1 } };
    const metadata = { filterMetadata: { a: { k: 1 } } };
    expect(
      meaning({
        attributes: {
          metadataContext: { ...metadata, typedFilterMetadata: typed },
          route_metadata_context: { typed_filter_metadata: typed },
        },
      }),
    ).toStrictEqual({ attributes: { metadataContext: metadata, routeMetadataContext: {} } });
  });
});

describe('bytes', () => {
  test.each(['CgYKBAoCCgA=', 'CgYKBAoCCgA'])('base64 %s', (bytes) => {
    expect(readCheckRequest(JSON.stringify({ bytes }))).toStrictEqual({
      bytes: new Uint8Array(Buffer.from('CgYKBAoCCgA=', 'base64')),
    });
  });

  test('an empty message', () => {
    expect(readCheckRequest('{"bytes":""}')).toStrictEqual({ bytes: new Uint8Array(0) });
  });
});

describe('what is no CheckRequest is told, not thrown', () => {
  test.each([
    ['', 'not-json'],
    ['{"attributes":', 'not-json'],
    ['attributes: {}', 'not-json'],
    ['null', 'not-a-check-request'],
    ['[]', 'not-a-check-request'],
    ['"text"', 'not-a-check-request'],
    ['{"atributes":{}}', 'not-a-check-request'],
    ['{"attributes":{"request":{"http":{"method":1}}}}', 'not-a-check-request'],
    ['{"attributes":{"request":{"time":"yesterday"}}}', 'not-a-check-request'],
    ['{"attributes":{"request":{"http":{"size":"1.5"}}}}', 'not-a-check-request'],
    ['{"attributes":{"request":{"http":{"path":"\\ud800"}}}}', 'not-a-check-request'],
    ['{"attributes":{"source":{"address":{"socketAddress":{},"pipe":{}}}}}', 'not-a-check-request'],
    ['{"bytes":"*"}', 'not-a-check-request'],
    ['{"bytes":[1]}', 'not-a-check-request'],
    ['{"bytes":"","attributes":{}}', 'not-a-check-request'],
  ])('%s', (line, code) => {
    const result = readCheckRequest(line);
    expect(result).toMatchObject({ error: { code } });
  });

  test('an unknown field is named', () => {
    const result = readCheckRequest('{"attributes":{"requst":{}}}');
    expect(result).toMatchObject({ error: { message: expect.stringContaining('requst') } });
  });
});

test('the type is the one that the service answers to', () => {
  const type = checkRequestType();
  expect(type.typeName).toBe('envoy.service.auth.v3.CheckRequest');
  expect(create(type).$typeName).toBe('envoy.service.auth.v3.CheckRequest');
});
