import fc from 'fast-check';
import { describe, expect, it } from '@jest/globals';
import { PathPatterns, withoutIds } from '../../../src/admin/observe/path-pattern.ts';
import { questionOf, snapshotOf } from '../../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml } from '../../extauthz/support/yaml.ts';

describe('a path without ids', () => {
  it.each([
    ['/', '/'],
    ['/orders', '/orders'],
    ['/orders/17', '/orders/{id}'],
    ['/orders/17/items/', '/orders/{id}/items/'],
    ['/api/v1/userProfiles', '/api/v1/userProfiles'],
    ['/index.html', '/index.html'],
    ['/a?token=secret', '/a'],
    ['/a%3Ftoken=secret', '/a'],
    ['/a;jsessionid=secret', '/a'],
    ['/a#secret', '/a'],
    ['/reset/3f2a77de', '/reset/{id}'],
    ['/reset/eyJhbGciOiJIUzI1NiJ9', '/reset/{id}'],
    ['/reset/aBcDeFgHiJkLm', '/reset/{id}'],
    ['/mail/a@b.example', '/mail/{id}'],
    ['/averyveryveryveryveryverylongword', '/{id}'],
    ['/a/b/c/d/e/f/g', '/a/b/c/d/e/…'],
    ['/caf\u00c3\u00a9', '/{id}'],
    ['', ''],
  ])('%s is %s', (path, pattern) => {
    expect(withoutIds(path)).toBe(pattern);
  });

  it('is short, plain text without digits but those of a version, whatever it is made of', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 600 }), (text) => {
        const pattern = withoutIds(`/${Buffer.from(text).toString('latin1')}`);
        expect(pattern).toMatch(/^[a-zA-Z{}/._…v0-9-]*$/);
        expect(pattern.replaceAll(/\/v[0-9]{1,3}(?=\/|$)/g, '')).not.toMatch(/[0-9?;#%]/);
        expect(pattern.length).toBeLessThan(200);
      }),
    );
  });
});

describe('of a rule that decided', () => {
  const snapshot = snapshotOf(
    policiesYaml([
      access(
        'ALLOW',
        { name: 'orders', ...operation({ paths: ['/health', '/orders/{*}', '/files/*'] }) },
        {
          name: 'all',
          ...operation({ paths: ['/*'] }),
        },
      ),
      istio('ALLOW', operation({ paths: ['/istio/{**}'] })),
    ]),
  );

  it.each([
    ['/orders/4711', 0, '/orders/{*}'],
    ['/health', 0, '/health'],
    ['/files/a/b/c', 0, '/files/*'],
    // It says nothing of the path.
    ['/customers/17', 1, '/customers/{id}'],
    // By another policy by now.
    ['/elsewhere/1', 0, '/elsewhere/{id}'],
  ])('the pattern of %s by rule %i is %s', (path, index, pattern) => {
    const { request } = questionOf(snapshot, { path });
    expect(new PathPatterns().of(request, snapshot.ruleOf('AccessPolicy', 'shop/p0', index))).toBe(pattern);
  });

  it('is that of Istio, too, and without a rule the path without ids', () => {
    const { request } = questionOf(snapshot, { path: '/istio/a/1' });
    const patterns = new PathPatterns();
    expect(patterns.of(request, snapshot.ruleOf('AuthorizationPolicy', 'shop/p1', 0))).toBe('/istio/{**}');
    expect(patterns.of(request, null)).toBe('/istio/a/{id}');
  });
});
