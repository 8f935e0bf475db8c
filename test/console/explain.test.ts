import { describe, expect, it } from '@jest/globals';
import type { Decision } from '../../src/console/api/answers.ts';
import { placeOf, subjectOf } from '../../src/console/explain/failed-field.ts';
import { denyingRule, nearMisses } from '../../src/console/explain/near-misses.ts';
import type { AskedPolicy } from '../../src/console/explain/near-misses.ts';
import { EMPTY_FORM, checkRequestOf, formOfDecision } from '../../src/console/explain/request-form.ts';
import type { RequestForm } from '../../src/console/explain/request-form.ts';
import { suggestionFor } from '../../src/console/explain/suggestion.ts';

describe('the field that failed', () => {
  it.each([
    ['from[0].source.principals', 'from', 'principals', false, 'the caller'],
    ['from[12].source.notIpBlocks', 'from', 'ipBlocks', true, 'the source address'],
    ['to[0].operation.paths', 'to', 'paths', false, 'the path'],
    ['when[0][request.headers[x-preview]].values', 'when', 'request.headers[x-preview]', false, 'the header x-preview'],
    ['when[3][request.auth.claims[a][b]].notValues', 'when', 'request.auth.claims[a][b]', true, 'the claim a → b'],
    ['when[1][source.ip].values', 'when', 'source.ip', false, 'source.ip'],
    ['condition', 'condition', 'condition', false, 'the condition'],
    ['valid', 'valid', 'valid', false, 'the time'],
    ['something.new', null, 'new', false, 'new'],
  ])('%s', (field, stage, name, negated, subject) => {
    expect(placeOf(field)).toEqual({ stage, name, negated });
    expect(subjectOf(field)).toBe(subject);
  });
});

function policy(name: string, fields: readonly (string | null)[], more: Partial<AskedPolicy> = {}): AskedPolicy {
  return {
    kind: 'AccessPolicy',
    policy: name,
    action: 'ALLOW',
    mode: 'enforce',
    rules: fields.map((field, index) => ({
      rule: `r${index}`,
      index,
      matched: field === null,
      firstFailed: field === null ? null : { field, wanted: ['a'], actual: 'b' },
    })),
    ...more,
  };
}

describe('the nearest misses', () => {
  it('are rules that came furthest, of policies that could allow', () => {
    const asked = [
      policy('s/deny', ['valid'], { action: 'DENY' }),
      policy('s/shadow', ['valid'], { mode: 'shadow' }),
      policy('s/one', ['from[0].source.principals', 'to[0].operation.paths']),
      policy('s/two', ['condition', 'from[0].source.groups']),
    ];
    expect(nearMisses(asked).map((miss) => `${miss.policy} ${miss.rule}`)).toEqual([
      's/two r0',
      's/one r1',
      's/one r0',
    ]);
  });

  it('are none where a rule that denies matched, and that one is named', () => {
    expect(denyingRule([policy('s/shadow', [null], { action: 'DENY', mode: 'shadow' })])).toBeNull();
    const found = denyingRule([
      policy('s/a', ['valid'], { action: 'DENY' }),
      policy('s/b', ['valid', null], { action: 'DENY' }),
    ]);
    expect([found?.policy.policy, found?.rule.rule]).toEqual(['s/b', 'r1']);
  });
});

describe('what could be changed', () => {
  const suggest = (field: string, wanted: string, form: Partial<RequestForm> = {}) =>
    suggestionFor(
      { policy: 'shop/orders', rule: 'r', failed: { field, wanted: [wanted], actual: '' } },
      { ...EMPTY_FORM, ...form },
    );

  it.each([
    [
      'from[0].source.principals',
      'cluster.local/ns/edge/sa/gateway',
      { principal: 'cluster.local/ns/edge/sa/gateway' },
    ],
    ['from[0].source.namespaces', 'ops', { principal: 'td/ns/ops/sa/a' }],
    ['from[0].source.serviceAccounts', 'orders', { principal: 'td/ns/shop/sa/orders' }],
    ['from[0].source.serviceAccounts', 'pay/orders', { principal: 'td/ns/pay/sa/orders' }],
    ['from[0].source.trustDomains', 'other', { principal: 'other/ns/n/sa/a' }],
    ['from[0].source.ipBlocks', '10.0.0.0/16', { sourceIp: '10.0.0.0' }],
    ['to[0].operation.methods', 'POST', { method: 'POST' }],
    ['to[0].operation.hosts', '*.shop.example.com', { host: 'x.shop.example.com' }],
    ['to[0].operation.paths', '/orders/{*}', { path: '/orders/x' }],
    ['to[0].operation.paths', '/assets/{**}', { path: '/assets/x' }],
    ['to[0].operation.ports', '8443', { port: '8443' }],
  ])('%s: %s', (field, wanted, change) => {
    expect(suggest(field, wanted, { principal: 'spiffe://td/ns/n/sa/a' })?.change).toEqual(change);
  });

  it('puts a header in the place of the one that is there, or takes it away', () => {
    const form = { headers: 'accept: */*\nX-Preview: summer' };
    const field = 'when[0][request.headers[x-preview]]';
    expect(suggest(`${field}.values`, 'autumn*', form)?.change).toEqual({ headers: 'accept: */*\nx-preview: autumnx' });
    expect(suggest(`${field}.notValues`, '*', form)?.change).toEqual({ headers: 'accept: */*' });
  });

  it('adds claims to those that are there', () => {
    const claims = (field: string, wanted: string): unknown =>
      JSON.parse(suggest(field, wanted, { claims: '{"sub":"ann","n":1}' })!.change.claims!);
    expect(claims('when[0][request.auth.claims[a][b]].values', 'eu')).toEqual({ sub: 'ann', n: 1, a: { b: 'eu' } });
    expect(claims('from[0].source.requestPrincipals', 'https://login.example.com/*')).toEqual({
      iss: 'https://login.example.com',
      sub: 'x',
      n: 1,
    });
  });

  it.each(['condition', 'valid', 'from[0].source.groups', 'from[0].source.notPrincipals'])(
    'is nothing for %s',
    (field) => {
      expect(suggest(field, 'a')).toBeNull();
    },
  );
});

describe('the form', () => {
  const form: RequestForm = {
    ...EMPTY_FORM,
    principal: 'cluster.local/ns/edge/sa/gateway',
    sourceIp: '10.1.2.3',
    namespace: 'shop',
    serviceAccount: 'orders',
    labels: 'app=orders, tier = back',
    port: '8443',
    host: 'orders.shop',
    path: '/orders/ü',
    headers: 'X-One: 1\n\nx-two:  a: b ',
    claims: '{"sub": "ann"}',
  };

  it('becomes the CheckRequest that Envoy would send', () => {
    const header = (key: string, value: string) => ({ key, rawValue: Buffer.from(value, 'utf8').toString('base64') });
    expect(checkRequestOf(form, 'jwt')).toEqual({
      request: {
        attributes: {
          source: {
            address: { socketAddress: { address: '10.1.2.3', portValue: 0 } },
            principal: 'spiffe://cluster.local/ns/edge/sa/gateway',
          },
          destination: { address: { socketAddress: { address: '', portValue: 8443 } } },
          request: {
            http: {
              method: 'GET',
              scheme: 'https',
              host: 'orders.shop',
              path: '/orders/ü',
              protocol: 'HTTP/2',
              headerMap: {
                headers: [
                  header(':authority', 'orders.shop'),
                  header(':path', '/orders/ü'),
                  header(':method', 'GET'),
                  header(':scheme', 'https'),
                  header('x-one', '1'),
                  header('x-two', 'a: b'),
                ],
              },
            },
          },
          contextExtensions: {
            namespace: 'shop',
            serviceAccount: 'orders',
            'label.app': 'orders',
            'label.tier': 'back',
          },
          metadataContext: { filterMetadata: { jwt: { payload: { sub: 'ann' } } } },
        },
      },
    });
  });

  it.each([
    ['labels', { labels: 'orders' }],
    ['headers', { headers: 'no header' }],
    ['headers', { headers: 'ok: 1\nbad name: 2' }],
    ['claims', { claims: '["sub"]' }],
    ['claims', { claims: '{' }],
    ['port', { port: '70000' }],
    ['method', { method: ' ' }],
    ['path', { path: '' }],
  ])('says what is wrong with %s', (field, change) => {
    const made = checkRequestOf({ ...form, ...change }, 'jwt');
    expect(Object.keys('problems' in made ? made.problems : {})).toEqual([field]);
  });

  it('takes no claims where the service reads none', () => {
    const made = checkRequestOf(form, '');
    expect('problems' in made && made.problems.claims).toMatch(/^Claims of a request can only be tried where/);
  });

  it('begins from a decision', () => {
    const decision = {
      principal: 'spiffe://cluster.local/ns/shop/sa/frontend',
      requestPrincipal: 'https://login.example.com/ann',
      workload: { namespace: 'shop', serviceAccount: 'orders', labels: { app: 'orders', tier: 'back' } },
      method: 'POST',
      host: 'orders.shop',
      path: '/orders',
      headers: { 'x-a': ['1', '2'] },
      claims: { region: 'eu' },
    } as unknown as Decision;
    expect(formOfDecision(decision)).toEqual({
      ...EMPTY_FORM,
      principal: 'spiffe://cluster.local/ns/shop/sa/frontend',
      namespace: 'shop',
      serviceAccount: 'orders',
      labels: 'app=orders, tier=back',
      method: 'POST',
      host: 'orders.shop',
      path: '/orders',
      headers: 'x-a: 1\nx-a: 2',
      claims: JSON.stringify({ iss: 'https://login.example.com', sub: 'ann', region: 'eu' }, null, 2),
    });
  });
});
