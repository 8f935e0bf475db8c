import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { AskForProof } from '../../src/extauthz/ask-for-proof.ts';
import type { AskForProofSettings } from '../../src/extauthz/ask-for-proof.ts';
import type { IdentityOutcome } from '../../src/identity/authenticator.ts';
import { PARAMETERS, named } from '../property/runs.ts';
import { snapshotOf, testService } from './support/engine.ts';
import type { Ask, TestService } from './support/engine.ts';
import { decodeCheckResponse, pairsOf } from './support/messages.ts';
import { access, operation, policiesYaml, source } from './support/yaml.ts';

const SETTINGS: AskForProofSettings = {
  resourceMetadata: '',
  scope: '',
  loginUrl: 'https://login.example.com/start?app=shop',
  loginReturnParameter: 'rd',
  loginHosts: ['shop.example.com', 'shop.example.com:8443', '*.shop.example.com'],
};

const RULES = [
  access('ALLOW', source({ requestPrincipals: ['iss/alice'] }), operation({ paths: ['/open'] })),
  access('DENY', operation({ paths: ['/never'] })),
];

function service(settings: Partial<AskForProofSettings> = {}): TestService {
  return testService(snapshotOf(policiesYaml(RULES), { ambiguousPaths: 'evaluate' }), {
    askForProof: new AskForProof({ ...SETTINGS, ...settings }),
  });
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

function answered(world: TestService, ask: Ask): Answered {
  const { deniedResponse } = decodeCheckResponse(world.check(ask)!);
  return { status: deniedResponse?.status?.code ?? 200, headers: Object.fromEntries(pairsOf(deniedResponse?.headers)) };
}

const NAVIGATION = { 'sec-fetch-mode': 'navigate' };
const CHROME =
  'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7';
const page = (more: Partial<Ask> = {}): Ask => ({
  host: 'shop.example.com',
  path: '/mine?x=1&y=%2F',
  headers: NAVIGATION,
  ...more,
});
const LOCATION =
  'https://login.example.com/start?app=shop&rd=https%3A%2F%2Fshop.example.com%2Fmine%3Fx%3D1%26y%3D%252F';

describe('a browser that opens a page', () => {
  it('is sent to the login page, with the address that it asked for', () => {
    expect(answered(service(), page())).toEqual({
      status: 302,
      headers: { location: LOCATION, 'cache-control': 'no-store' },
    });
  });

  it.each([
    ['an older one', page({ headers: { accept: CHROME } }), LOCATION],
    ['as a program asks', page({ headers: { accept: '*/*' } }), null],
    ['without a word', page({ headers: {} }), null],
    ['HTML among others', page({ headers: { accept: 'application/json, text/html' } }), null],
    ['HTML less than JSON', page({ headers: { accept: 'text/html;q=0.5,application/json;q=0.9' } }), null],
    ['HTML not at all', page({ headers: { accept: 'text/html;q=0' } }), null],
    ['HTML with a weight that is none', page({ headers: { accept: 'text/html;q=2' } }), null],
    ['from a script', page({ headers: { accept: CHROME, 'sec-fetch-mode': 'cors' } }), null],
    [
      'two modes',
      page({ headers: {}, rawHeaders: [...'ab'].map(() => ['sec-fetch-mode', 'navigate'] as const) }),
      null,
    ],
    ['with a token', page({ headers: { ...NAVIGATION, authorization: 'Bearer x' } }), null],
    ['a form', page({ method: 'POST' }), null],
    ['another host', page({ host: 'evil.example.com' }), null],
    ['a host that ends alike', page({ host: 'evilshop.example.com' }), null],
    ['another port', page({ host: 'shop.example.com:9' }), null],
    ['the usual port', page({ host: 'shop.example.com:443' }), LOCATION],
    ['capitals and a dot', page({ host: 'Shop.Example.com.' }), LOCATION],
    ['a listed port', page({ host: 'shop.example.com:8443' }), LOCATION.replace('.com%2Fmine', '.com%3A8443%2Fmine')],
    ['a name below', page({ host: 'a.shop.example.com' }), LOCATION.replace('2Fshop', '2Fa.shop')],
    ['an address that is too long', page({ path: `/${'a'.repeat(2048)}` }), null],
    ['bytes that no address has', page({ path: '/é' }), null],
    ['two slashes', page({ path: '//evil.com' }), `${LOCATION.split('%2Fmine')[0]!}%2F%2Fevil.com`],
  ])('%s', (_what, ask, location) => {
    const { status, headers } = answered(service(), ask);
    expect([status, headers['location'] ?? null]).toEqual([location === null ? 401 : 302, location]);
    expect('www-authenticate' in headers).toBe(location === null);
  });

  it('is not sent where a login changes nothing, nor where there is none', () => {
    expect(answered(service(), page({ path: '/never' })).status).toBe(403);
    expect(answered(service(), page({ path: '/mine', claims: { iss: 'iss', sub: 'bob' } })).status).toBe(403);
    expect(answered(service({ loginUrl: '' }), page()).status).toBe(401);
    expect(answered(service(), page({ path: '/open' })).status).toBe(200);
  });

  it('is not sent from the login page to itself, however that is written', () => {
    const world = service({ loginUrl: 'https://shop.example.com/auth/start' });
    for (const path of ['/auth/start', '/auth/start?rd=x', '/auth/start/', '/auth/st%61rt', '/auth/./start'])
      expect([path, answered(world, page({ path })).status]).toEqual([path, 401]);
    expect(answered(world, page({ path: '/auth/started' })).headers['location']).toBe(
      'https://shop.example.com/auth/start?rd=https%3A%2F%2Fshop.example.com%2Fauth%2Fstarted',
    );
  });

  it('comes back by the scheme of the login page', () => {
    const world = service({ loginUrl: 'http://localhost:8080/', loginHosts: ['localhost:8000'] });
    expect(answered(world, page({ host: 'localhost:8000', path: '/' })).headers['location']).toBe(
      'http://localhost:8080/?rd=http%3A%2F%2Flocalhost%3A8000%2F',
    );
  });

  it('is told from a program that asks for the same, before and after', () => {
    const world = service();
    const program = page({ headers: { accept: 'application/json' } });
    const statuses = [program, program, program, page(), page(), program, page()].map(
      (ask) => answered(world, ask).status,
    );
    expect(statuses).toEqual([401, 401, 401, 302, 302, 401, 302]);
  });

  it(named('comes back to a listed host alone, whatever it asks for'), () => {
    const world = service();
    const text = fc.string({ unit: fc.constantFrom(...'/\\@:.?#%&=;ab\u00e9\u0000\r\n "\'') });
    fc.assert(
      fc.property(
        text,
        fc.constantFrom('shop.example.com', 'a.shop.example.com', 'x@shop.example.com'),
        (rest, host) => {
          const { headers } = answered(world, page({ path: `/${rest}`, host }));
          const location = headers['location'];
          if (location === undefined) return;
          expect(location).toMatch(/^[\x21-\x7e]+$/);
          const login = new URL(location);
          expect([login.origin, login.pathname, [...login.searchParams.keys()]]).toEqual([
            'https://login.example.com',
            '/start',
            ['app', 'rd'],
          ]);
          const back = login.searchParams.get('rd')!;
          expect(back).toBe(`https://${host}/${rest}`);
          expect(new URL(back).origin).toBe(`https://${host}`);
        },
      ),
      PARAMETERS,
    );
  });
});

describe('a proof that is not good', () => {
  const PROVIDER = (locations: object): object => ({
    apiVersion: 'portcullis.dev/v1',
    kind: 'IdentityProvider',
    metadata: { name: 'login', namespace: 'shop' },
    spec: {
      issuer: 'https://login.example.com',
      from: locations,
      jwt: { audiences: ['shop'], jwksUri: 'https://login.example.com/keys' },
    },
  });
  const bad: IdentityOutcome = {
    result: { outcome: 'invalid', error: 'invalid_token', description: 'too old' },
    strip: { headers: [], params: [], cookies: [] },
    set: [],
  };
  const status = (locations: object, path: string): number =>
    answered(
      testService(snapshotOf(policiesYaml(RULES, [PROVIDER(locations)]), { jwtMetadata: '' }), {
        identity: { epoch: 0, authenticate: () => bad },
        askForProof: new AskForProof(SETTINGS),
      }),
      page({ path }),
    ).status;

  it('sends a browser to the login page too, but never with the proof in the address', () => {
    expect(status({ cookies: ['session'] }, '/mine?x=1')).toBe(302);
    expect(status({ params: ['token'] }, '/mine')).toBe(302);
    expect(status({ params: ['token'] }, '/mine?token=x')).toBe(401);
  });
});

describe('a challenge', () => {
  const challenge = (settings: Partial<AskForProofSettings>, ask: Ask): string | undefined =>
    answered(service({ loginUrl: '', loginHosts: [], ...settings }), ask).headers['www-authenticate'];

  it('names the scope and where the metadata of the resource are', () => {
    const settings = { scope: 'orders:read orders:write', resourceMetadata: 'https://shop.example.com/"a"?b=c' };
    const more = 'scope="orders:read orders:write", resource_metadata="https://shop.example.com/%22a%22?b=c"';
    expect(challenge(settings, page())).toBe(`Bearer realm="portcullis", ${more}`);
    expect(challenge(settings, page({ headers: { authorization: 'Bearer x' } }))).toBe(
      `Bearer realm="portcullis", error="invalid_token", ${more}`,
    );
    expect(challenge({}, page())).toBe('Bearer realm="portcullis"');
  });
});
