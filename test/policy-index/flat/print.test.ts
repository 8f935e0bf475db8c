import { describe, expect, test } from '@jest/globals';
import { questionOf, snapshotOf } from '../../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when } from '../../extauthz/support/yaml.ts';
import type { PolicyText } from '../../extauthz/support/yaml.ts';

const GROUP = {
  apiVersion: 'portcullis.dev/v1',
  kind: 'PrincipalGroup',
  metadata: { name: 'staff', namespace: 'shop' },
  spec: {
    spiffeIds: ['cluster.local/ns/edge/*'],
    claims: [{ issuer: 'iss', claim: 'role', values: ['a', 'b*', '*c', '*'] }],
  },
};

/** Lines of how the rules that allow are filed. */
function printed(policy: PolicyText, others: readonly unknown[] = []): readonly string[] {
  const question = questionOf(snapshotOf(policiesYaml([policy], others)), {});
  if (question.refused !== null) throw new Error('refused');
  return question.scope.allow.print().split('\n');
}

describe('how rules are filed, for people', () => {
  test('is a line for each entry, and how many there are', () => {
    const lines = printed(
      access('ALLOW', operation({ paths: ['/a'] }), {}, operation({ methods: ['GET'], ports: ['80'] })),
    );
    expect(lines).toEqual([
      '3 entries',
      expect.stringMatching(/^ {2}shop\/p0\[0\]: accessPath is \/a$/),
      '  shop/p0[1]: asked always',
      expect.stringMatching(/^ {2}shop\/p0\[2\]: (method is GET, port is 80|port is 80, method is GET)$/),
    ]);
  });

  test.each<[string, PolicyText, readonly string[]]>([
    ['ends of values', istio('ALLOW', operation({ paths: ['/a*', '*b', '*'] })), ['/a*', '*b', '*']],
    ['templates', access('ALLOW', operation({ paths: ['/a/{*}', '/{**}'] })), ['/a/{*}', '/{**}']],
    [
      'blocks',
      access('ALLOW', source({ ipBlocks: ['10.1.2.3/9', '2001:db8::/33', '::/0'] })),
      ['10.0.0.0/9', '2001:db8::/33', '::/0'],
    ],
    [
      'names of peers',
      istio('ALLOW', source({ principals: ['*/sa/x', 'td/ns/y/sa/z'] }), source({ namespaces: ['n'] })),
      ['spiffe://*/sa/x', 'spiffe://td/ns/y/sa/z', '*/ns/n/*'],
    ],
    ['issuers', access('ALLOW', source({ requestPrincipals: ['iss/*'] })), ['iss/*']],
    ['headers', access('ALLOW', when('request.headers[x-a]', ['v'])), ['header x-a is v']],
    ['exceptions', access('ALLOW', operation({ notPaths: ['/a'] })), ['accessPath is not /a']],
    ['bytes that are UTF-8', access('ALLOW', when('request.headers[x-a]', ['é'])), ['header x-a is é']],
  ])('shows %s', (_, policy, texts) => {
    const all = printed(policy).join('\n');
    for (const text of texts) expect(all).toContain(text);
  });

  test('counts patterns past the eighth', () => {
    const methods = Array.from({ length: 12 }, (_, i) => `M${i}`);
    expect(printed(access('ALLOW', operation({ methods })))[1]).toMatch(/M7 or 4 more$/);
  });

  test('names a group, and not its members', () => {
    const others = Array.from({ length: 20 }, () => operation({ ports: ['1'] }));
    const lines = printed(access('ALLOW', source({ groups: ['staff'] }), ...others), [GROUP]);
    expect(lines[1]).toBe('  shop/p0[0]: group is shop/staff');
    expect(new Set(lines.slice(2).map((line) => line.replace(/^.*: /, '')))).toEqual(new Set(['port is 1']));
  });
});
