import { fromBinary, toJson } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { X509Certificate } from 'node:crypto';
import { certificateOf } from '../../../src/cli/policy-test/certificate.ts';
import { checkRequestOf } from '../../../src/cli/policy-test/request.ts';
import { checkRequestType } from '../../../src/extauthz/json/proto-types.ts';
import { readCertificateNames } from '../../../src/lib/x509/names.ts';
import { parsePolicyTests } from '../../../src/policy/test-file.ts';

function attributes(request: string): unknown {
  const text = `tests: [{name: x, expect: {decision: allow}, request: ${request}}]`;
  const { file, diagnostics } = parsePolicyTests('a.test.yaml', text);
  expect(diagnostics).toStrictEqual([]);
  const bytes = checkRequestOf(file!.tests[0]!.request, 'envoy.filters.http.jwt_authn');
  const json = toJson(checkRequestType(), fromBinary(checkRequestType(), bytes));
  return (json as { readonly attributes: unknown }).attributes;
}

function raw(value: string): string {
  return Buffer.from(value).toString('base64');
}

describe('the CheckRequest of a policy test', () => {
  test('fills in what a short request leaves out', () => {
    expect(attributes('{}')).toStrictEqual({
      source: { address: { socketAddress: { address: '127.0.0.1', portValue: 0 } } },
      destination: { address: { socketAddress: { portValue: 80 } } },
      request: {
        http: {
          method: 'GET',
          path: '/',
          host: 'localhost',
          scheme: 'http',
          protocol: 'HTTP/2',
          headerMap: {
            headers: [
              { key: ':authority', rawValue: raw('localhost') },
              { key: ':path', rawValue: raw('/') },
              { key: ':method', rawValue: raw('GET') },
              { key: ':scheme', rawValue: raw('http') },
            ],
          },
        },
      },
      metadataContext: {},
      tlsSession: {},
    });
  });

  test('says everything that a request says', () => {
    const written = `{
      principal: cluster.local/ns/edge/sa/gateway, method: POST, host: "shop:443", path: /a?b, protocol: HTTP/1.1,
      headers: {X-A: [one, two], x-é: "ü"}, size: 12, claims: {sub: s, n: 1, list: [a]}, sourceIp: 10.0.0.1, sni: shop,
      destination: {address: 10.0.0.2, port: 8080, principal: cluster.local/ns/shop/sa/orders, labels: {app: o}},
      workload: {namespace: shop, serviceAccount: orders, labels: {app: orders}}, time: "2026-06-01T00:00:00Z"}`;
    expect(attributes(written)).toMatchObject({
      source: {
        address: { socketAddress: { address: '10.0.0.1' } },
        principal: 'spiffe://cluster.local/ns/edge/sa/gateway',
      },
      destination: {
        address: { socketAddress: { address: '10.0.0.2', portValue: 8080 } },
        principal: 'spiffe://cluster.local/ns/shop/sa/orders',
        labels: { app: 'o' },
      },
      request: {
        time: '2026-06-01T00:00:00Z',
        http: {
          method: 'POST',
          path: '/a?b',
          host: 'shop:443',
          scheme: 'https',
          protocol: 'HTTP/1.1',
          size: '12',
          headerMap: {
            headers: expect.arrayContaining([
              { key: 'x-a', rawValue: raw('one') },
              { key: 'x-a', rawValue: raw('two') },
              { key: 'x-é', rawValue: raw('ü') },
            ]),
          },
        },
      },
      contextExtensions: { namespace: 'shop', serviceAccount: 'orders', 'label.app': 'orders' },
      metadataContext: {
        filterMetadata: { 'envoy.filters.http.jwt_authn': { payload: { sub: 's', n: 1, list: ['a'] } } },
      },
      tlsSession: { sni: 'shop' },
    });
  });

  test('several names make a certificate, and the first is the principal', () => {
    expect(attributes('{sans: ["spiffe://a/b", "spiffe://c/d"]}')).toMatchObject({
      source: { principal: 'spiffe://a/b', certificate: certificateOf(['spiffe://a/b', 'spiffe://c/d']) },
      request: { http: { scheme: 'https' } },
    });
  });
});

test('the certificate is one that others read too', () => {
  const uris = ['spiffe://cluster.local/ns/a/sa/b', `spiffe://x/${'y'.repeat(300)}`];
  const pem = decodeURIComponent(certificateOf(uris));
  const certificate = new X509Certificate(pem);
  expect(certificate.subjectAltName).toBe(uris.map((uri) => `URI:${uri}`).join(', '));
  expect(readCertificateNames(certificate.raw)).toStrictEqual({ uris, dnsNames: [], subject: '' });
});
