/** Providers, tokens and settings for an {@link Authenticator} whose keys are made and tokens signed on the spot. */
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { hash } from 'node:crypto';
import { Authenticator } from '../../../src/identity/authenticator.ts';
import type { IdentityOutcome } from '../../../src/identity/authenticator.ts';
import type { Clock } from '../../../src/identity/net/clock.ts';
import type { IdentitySettings } from '../../../src/identity/settings.ts';
import { claimStrings } from '../../../src/attributes/claim.ts';
import { NO_PEER } from '../../../src/attributes/peer-identity.ts';
import { RequestAttributes } from '../../../src/attributes/request-attributes.ts';
import type {
  ApiKeyProvider,
  Authentication,
  IntrospectionProvider,
  JwtProvider,
  Provider,
} from '../../../src/policy/identity-model.ts';
import { NO_POSSESSION } from '../jwt/support/verifier.ts';
import { lines, request } from '../jwt/support/request.ts';

export const SETTINGS: IdentitySettings = {
  fetch: {
    targets: [],
    timeoutSeconds: 5,
    maxBytes: 1024 * 1024,
    refreshSeconds: 300,
    firstKeysWaitSeconds: 2,
    unknownKeyCooldownSeconds: 30,
  },
  clients: [],
  tokens: { maxEntries: 1000, maxBytes: 1024 * 1024, maxTtlSeconds: 300 },
  revocation: { file: null, url: null, refreshSeconds: 10, required: true },
  leaveTokens: false,
};

export const SILENT = { info: (): void => undefined, warn: (): void => undefined };

export interface Issuer {
  readonly issuer: string;
  readonly jwks: string;
  /** Good claims and these; `undefined` takes one away. */
  token(claims?: Readonly<Record<string, unknown>>): Promise<string>;
}

export async function createIssuer(issuer: string, kid = 'one'): Promise<Issuer> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' };
  return {
    issuer,
    jwks: JSON.stringify({ keys: [jwk] }),
    token: (claims = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const payload = { iss: issuer, sub: 'ann', aud: 'orders', iat: now - 5, exp: now + 600, ...claims };
      return new SignJWT(payload).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
    },
  };
}

const NOWHERE = { headers: [], params: [], cookies: [] };

export function inHeader(name: string, prefix = ''): JwtProvider['locations'] {
  return { ...NOWHERE, headers: [{ name, prefix }] };
}

export function jwt({ issuer, jwks }: Issuer, more: Partial<JwtProvider> = {}): JwtProvider {
  return {
    type: 'jwt',
    id: `jwt:${issuer}`,
    profile: 'strict',
    locations: inHeader('authorization', 'Bearer '),
    forwardOriginal: false,
    issuer,
    audiences: ['orders'],
    keys: { from: 'inline', jwks },
    algorithms: ['ES256'],
    clockSkewSeconds: 0,
    requiredClaims: [],
    typ: null,
    maxAgeSeconds: null,
    binding: 'none',
    spaceDelimitedClaims: [],
    outputPayloadToHeader: null,
    outputClaimToHeaders: [],
    ...more,
  };
}

/** A rule of a RequestAuthentication: the places are Envoy's own unless given. */
export function rule(issuer: Issuer, more: Partial<JwtProvider> = {}): JwtProvider {
  return jwt(issuer, { profile: 'istio', id: `rule:${issuer.issuer}`, locations: NOWHERE, ...more });
}

export function opaque(endpoint: string, more: Partial<IntrospectionProvider> = {}): IntrospectionProvider {
  return {
    type: 'introspection',
    id: `opaque:${endpoint}`,
    locations: inHeader('authorization', 'Bearer '),
    forwardOriginal: false,
    endpoint,
    issuer: 'https://opaque.example',
    audiences: [],
    requiredScopes: [],
    client: 'us',
    maxCacheSeconds: 60,
    spaceDelimitedClaims: [],
    ...more,
  };
}

/** One key for each owner. */
export function apiKeys(owners: Readonly<Record<string, string>>, more: Partial<ApiKeyProvider> = {}): ApiKeyProvider {
  return {
    type: 'apiKey',
    id: `keys:${Object.keys(owners).join('+')}`,
    locations: inHeader('x-api-key'),
    forwardOriginal: false,
    issuer: 'https://keys.example',
    keys: Object.entries(owners).map(([owner, key]) => ({
      id: owner,
      owner,
      sha256: [hash('sha256', key)],
      labels: new Map(),
      fromMs: null,
      untilMs: null,
      position: { file: 'test.yaml', line: 1, column: 1 },
    })),
    ...more,
  };
}

function group(kind: Authentication['kind'], providers: readonly Provider[]): Authentication {
  return {
    kind,
    namespace: 'shop',
    name: 'callers',
    matchLabels: new Map(),
    targetGateways: null,
    providers,
    position: { file: 'test.yaml', line: 1, column: 1 },
  };
}

export function requestAuthentication(...rules: readonly JwtProvider[]): Authentication {
  return group('RequestAuthentication', rules);
}

export function identityProvider(provider: Provider): Authentication {
  return group('IdentityProvider', [provider]);
}

/** With each header one line. */
export function carrying(
  headers: Readonly<Record<string, string>>,
  { method = 'GET', target = '/orders' }: { readonly method?: string; readonly target?: string } = {},
): RequestAttributes {
  const plain = request(
    target,
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, lines(value)])),
  );
  const settings = { clientIp: { useRemoteAddress: false, xffTrustedHops: 0 }, jwtMetadata: '' };
  return new RequestAttributes({ ...plain.source, method }, settings, () => NO_PEER);
}

export const bearer = (token: string): Readonly<Record<string, string>> => ({ authorization: `Bearer ${token}` });

/** An authenticator of these groups; closed by {@link closeAll}. */
export class World {
  static #open: Authenticator[] = [];
  readonly authenticator: Authenticator;
  groups: readonly Authentication[];

  constructor(
    groups: readonly Authentication[],
    settings: Partial<IdentitySettings> = {},
    { clock }: { readonly clock?: Clock } = {},
  ) {
    this.groups = groups;
    this.authenticator = new Authenticator({
      settings: { ...SETTINGS, ...settings },
      log: SILENT,
      ...(clock === undefined ? {} : { clock }),
    });
    this.authenticator.use(groups);
    World.#open.push(this.authenticator);
  }

  static closeAll(): void {
    for (const each of World.#open.splice(0)) each.close();
  }

  ask(attributes: RequestAttributes, possession = NO_POSSESSION): IdentityOutcome | Promise<IdentityOutcome> {
    return this.authenticator.authenticate(attributes, this.groups, possession, Date.now());
  }

  /** `verified PROVIDER SUBJECT`, `invalid ERROR: DESCRIPTION`, `none` or `unavailable PROVIDER`. */
  async verdict(attributes: RequestAttributes): Promise<string> {
    const { result } = await this.ask(attributes);
    switch (result.outcome) {
      case 'verified':
        return `verified ${result.provider} ${claimStrings(result.claims.get('sub')).join()}`;
      case 'invalid':
        return `invalid ${result.error}: ${result.description}`;
      case 'unavailable':
        return `unavailable ${result.provider}`;
      case 'none':
        return 'none';
    }
  }
}
