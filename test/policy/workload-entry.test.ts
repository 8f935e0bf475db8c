import { describe, expect, it } from '@jest/globals';
import { access, errorCodes, loaded, object } from './support.ts';

const entry = (spec: string, version = 'v1'): string =>
  `${access('{}')}---\n${object(`networking.istio.io/${version}`, 'WorkloadEntry', spec)}`;

describe('a WorkloadEntry', () => {
  it.each(['v1', 'v1beta1', 'v1alpha3'])('is read in version %s, its other fields ignored', (version) => {
    const text = entry(
      '{address: 10.0.0.1, labels: {app: web}, serviceAccount: web, ports: {http: 80}, network: n, locality: l, weight: 1}',
      version,
    );
    expect(loaded(text).workloads).toMatchObject([
      { namespace: 'shop', name: 'p', address: '10.0.0.1', labels: new Map([['app', 'web']]), serviceAccount: 'web' },
    ]);
  });

  it('has its address in canonical form', () => {
    expect(loaded(entry('{address: "2001:DB8:0:0::1"}')).workloads).toMatchObject([
      { address: '2001:db8::1', labels: new Map(), serviceAccount: null },
    ]);
  });

  it.each([
    ['without address', '{}', ['missing-field']],
    ['with a host name', '{address: web.example}', ['bad-address']],
    ['with a socket', '{address: "unix:///run/a"}', ['bad-address']],
    ['with a port', '{address: "10.0.0.1:80"}', ['bad-address']],
    ['with a namespace before the account', '{address: 10.0.0.1, serviceAccount: a/b}', ['bad-service-account']],
    ['with an unknown field', '{address: 10.0.0.1, lables: {}}', ['unknown-field']],
    ['with a label that is a number', '{address: 10.0.0.1, labels: {a: 1}}', ['wrong-type']],
  ])('%s is refused', (_, spec, codes) => {
    expect(errorCodes(entry(spec))).toEqual(codes);
  });
});
