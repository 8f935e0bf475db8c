import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { decodeOnce } from '../../src/attributes/path.ts';
import { isUtf8 } from '../../src/attributes/bytes.ts';
import { decideOffline } from '../../src/extauthz/offline.ts';
import type { OfflineDecision } from '../../src/extauthz/offline.ts';
import { MAX_INJECTED_LENGTH, encodeForHeader, encodeForQuery, renderObligations } from '../../src/pdp/obligations.ts';
import { LIMITS, NOW_MS, TEXTS, checkRequest, decisionOf, questionOf, snapshotOf } from '../extauthz/support/engine.ts';
import type { Ask } from '../extauthz/support/engine.ts';
import { access, policiesYaml } from '../extauthz/support/yaml.ts';

const ALICE: Ask = {
  path: '/orders/7?debug=1&%64ebug=2&x=y',
  headers: { 'x-a': 'v' },
  claims: { iss: 'https://idp', sub: 'alice', aud: ['api', 'web'], azp: 'app', n: 7, ok: true, o: { a: ['b'] } },
  sni: 'Orders.shop',
  metadata: { 'envoy.filters.a.b': { c: ['x', 'y'] } },
};

function answered(policy: ReturnType<typeof access>, ask: Ask = ALICE): OfflineDecision {
  const snapshot = snapshotOf(policiesYaml([policy]), { defaultAction: 'ALLOW' });
  return decideOffline(checkRequest(ask), { snapshot, limits: LIMITS, texts: TEXTS, nowMs: NOW_MS })!;
}

const setting = (set: Readonly<Record<string, string>>, ask: Ask = ALICE): OfflineDecision =>
  answered(access('ALLOW', { name: 'r', respond: { request: { set } } }), ask);

/** The value of one header set to a template; null when it is removed instead. */
function rendered(template: string, ask: Ask = ALICE): string | null {
  const { headersSet, headersRemoved } = setting({ 'x-out': template }, ask);
  if (headersSet.length === 0) expect(headersRemoved).toContain('x-out');
  return headersSet[0]?.[1] ?? null;
}

describe('a header that a rule sets', () => {
  it.each([
    ['fixed, $$5 & more', 'fixed, $5 & more'],
    ['${request.auth.claims[sub]}', 'alice'],
    ['<${request.auth.claims[sub]}>', '<alice>'],
    ['${request.auth.principal}', 'https://idp/alice'],
    ['${request.auth.audiences}', 'api,web'],
    ['${request.auth.presenter}', 'app'],
    ['${request.auth.claims[n]}', '7'],
    ['${request.auth.claims[ok]}', 'true'],
    ['${request.auth.claims[o][a]}', 'b'],
    ['${request.headers[x-a]}', 'v'],
    ['${request.headers[host]}', 'orders.shop'],
    ['${source.principal}', 'cluster.local/ns/shop/sa/web'],
    ['${source.namespace}', 'shop'],
    ['${source.serviceAccount}', 'shop/web'],
    ['${source.trustDomain}', 'cluster.local'],
    ['${source.ip}', '10.0.0.9'],
    ['${destination.ip}:${destination.port}', '10.0.0.1:8080'],
    ['${connection.sni}', 'orders.shop'],
    ['${experimental.envoy.filters.a.b[c]}', 'x,y'],
    ['${decision.policy} ${decision.rule} ${decision.reason}', 'shop/p0 r allow_rule'],
  ])('to %j is %j', (template, value) => {
    expect(rendered(template)).toBe(value);
  });

  it.each([
    ['${request.auth.claims[nothing]}', ALICE],
    ['user-${request.auth.claims[nothing]}', ALICE],
    ['${request.auth.claims[o]}', ALICE],
    ['${request.auth.claims[sub]}', {}],
    ['${request.auth.claims[sub]}', { claims: { sub: '' } }],
    ['${request.headers[x-none]}', ALICE],
    ['${remote.ip}', ALICE],
    ['${source.principal}', { principal: 'CN=x' }],
    ['${source.principal}', { principal: 'spiffe://td/../x' }],
    ['${source.namespace}', { principal: 'spiffe://td/vm/7' }],
  ])('to %j is removed instead when that is absent', (template, ask) => {
    expect(rendered(template, ask)).toBeNull();
  });

  it.each([
    ['a\r\nx-admin: true', 'a%0D%0Ax-admin: true'],
    ['a,b', 'a%2Cb'],
    ['50%', '50%25'],
    ['Zoë', 'Zo%C3%AB'],
    [' a ', '%20a%20'],
    ['a b', 'a b'],
    ['a\0', 'a%00'],
    ['a\x7f', 'a%7F'],
  ])('to the claim %j is %j', (sub, value) => {
    expect(rendered('${request.auth.claims[sub]}', { claims: { sub } })).toBe(value);
  });

  it('takes the place of what the client sent, also under a like name', () => {
    const { headersSet, headersRemoved } = setting(
      { 'x-user': '${request.auth.claims[sub]}', 'x-role': '${request.auth.claims[role]}' },
      { ...ALICE, headers: { 'x-user': 'root', x_user: 'root', 'x-role': 'root', x_role: 'root', x_other: 'v' } },
    );
    expect(headersSet).toEqual([['x-user', 'alice']]);
    expect(headersRemoved).toEqual(['x-role', 'x_role', 'x_user']);
  });

  it('is too long to be answered: the request is denied', () => {
    const half = { claims: { sub: 'a'.repeat(MAX_INJECTED_LENGTH / 2) } };
    const twice = '${request.auth.claims[sub]}${request.auth.claims[sub]}';
    expect(rendered(`the policy's own words and ${twice}`, half)).toHaveLength(MAX_INJECTED_LENGTH + 27);
    for (const template of [`${twice}\${decision.rule}`, `${twice}\${request.auth.claims[sub]}`])
      expect(setting({ 'x-out': template }, half)).toMatchObject({
        decision: 'deny',
        httpStatus: 500,
        reason: 'response_too_large',
        headersSet: [],
      });
  });

  it('counts as encoded', () => {
    const { httpStatus } = setting(
      { 'x-out': '${request.auth.claims[sub]}' },
      { claims: { sub: ','.repeat(MAX_INJECTED_LENGTH / 2) } },
    );
    expect(httpStatus).toBe(500);
  });

  it('is set by the first rule that matches, and no other', () => {
    const respond = (value: string): unknown => ({ request: { set: { 'x-a': value } } });
    const { headersSet, headersRemoved } = answered(
      access('ALLOW', { respond: respond('1') }, { respond: { request: { set: { 'x-b': '2' } } } }),
    );
    expect(headersSet).toEqual([['x-a', '1']]);
    expect(headersRemoved).toEqual(['x-b']);
  });
});

describe('what else a rule of an ALLOW does', () => {
  it('removes headers, and sets them on the response', () => {
    const respond = { request: { remove: ['x-debug'] }, response: { set: { 'x-policy': '${decision.policy}' } } };
    const { headersRemoved, responseHeaders } = answered(access('ALLOW', { respond }));
    expect(headersRemoved).toEqual(['x-debug']);
    expect(responseHeaders).toEqual([['x-policy', 'shop/p0']]);
  });

  it('sets and removes query parameters, encoded, and removes what only is written otherwise', () => {
    const query = {
      set: { user: 'a&b=${request.auth.claims[sub]}', none: '${request.auth.claims[none]}' },
      remove: ['debug'],
    };
    const { querySet, queryRemoved } = answered(access('ALLOW', { respond: { request: { query } } }));
    expect(querySet).toEqual([['user', 'a%26b%3Dalice']]);
    expect([...queryRemoved].sort()).toEqual(['%64ebug', 'debug', 'none']);
  });

  it('changes no query where there is no path', () => {
    const query = { set: { user: 'x' }, remove: ['debug'] };
    const { querySet, queryRemoved } = answered(access('ALLOW', { respond: { request: { query } } }), {
      method: 'CONNECT',
      path: '',
    });
    expect([querySet, queryRemoved]).toEqual([[], []]);
  });
});

describe('what a rule of a DENY answers', () => {
  const denying = (deny: unknown, ask: Ask = ALICE): OfflineDecision =>
    answered(access('DENY', { respond: { deny } }), ask);

  it('is its status, body and headers', () => {
    const deny = {
      status: 451,
      body: 'not for ${request.auth.claims[sub]}',
      headers: { 'x-why': '${decision.policy}' },
    };
    expect(denying(deny)).toMatchObject({
      httpStatus: 451,
      body: 'not for alice',
      responseHeaders: [['x-why', 'shop/p0']],
    });
  });

  it('is 403 and the usual text where it says nothing of that', () => {
    expect(denying({ headers: { 'x-why': 'law' } })).toMatchObject({ httpStatus: 403, body: 'access denied\n' });
    expect(denying({ status: 404 })).toMatchObject({ httpStatus: 404, body: 'access denied\n' });
    expect(denying({ body: '${request.auth.claims[none]}' })).toMatchObject({ body: '' });
  });

  it.each([
    ['text/plain', 'a<b>"\n', 'a<b>" '],
    ['text/html; charset=utf-8', '<a>&\'"', '&#60;a&#62;&#38;&#39;&#34;'],
    ['application/problem+json', '"</script>\n', '\\"\\u003c/script>\\n'],
    ['application/json', 'Zoë', 'Zoë'],
  ])('is encoded for %s', (type, sub, body) => {
    const deny = { body: '[${request.auth.claims[sub]}]', headers: { 'content-type': type } };
    expect(denying(deny, { claims: { sub } }).body).toBe(`[${body}]`);
  });

  it.each(['text/plain', 'text/html', 'application/json'])('is UTF-8 even when a header is none (%s)', (type) => {
    const policy = access('DENY', {
      respond: { deny: { body: 'é ${request.headers[x-a]}', headers: { 'content-type': type } } },
    });
    const snapshot = snapshotOf(policiesYaml([policy]));
    const ask: Ask = { rawHeaders: [['x-a', Buffer.from([0x61, 0xff, 0xc3])]] };
    const { request } = questionOf(snapshot, ask);
    const { deny } = renderObligations(decisionOf(snapshot, ask), request, { id: '', revision: '' });
    expect(isUtf8(deny!.body!)).toBe(true);
    expect(deny!.body).toContain('a');
  });
});

describe('the encoding of values', () => {
  const bytes = fc.uint8Array({ maxLength: 12 }).map((octets) => Buffer.from(octets).toString('latin1'));

  it('for a header can be undone, and is printable ASCII without a comma or a blank at an end', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        const encoded = encodeForHeader(value);
        expect(encoded).toMatch(/^(?! )[\x20-\x2b\x2d-\x7e]*$/);
        expect(encoded).not.toMatch(/ $/);
        expect(decodeOnce(encoded)).toBe(value);
      }),
    );
  });

  it('for a query can be undone, and has unreserved characters only', () => {
    fc.assert(
      fc.property(bytes, (value) => {
        expect(encodeForQuery(value)).toMatch(/^[A-Za-z0-9._~%-]*$/);
        expect(decodeOnce(encodeForQuery(value))).toBe(value);
      }),
    );
  });
});
