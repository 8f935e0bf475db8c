/** A service that verifies tokens of three issuers, one for each algorithm, and the tokens. */
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { CheckService } from '../../src/extauthz/service.ts';
import { Authenticator } from '../../src/identity/authenticator.ts';
import { SETTINGS as IDENTITY } from '../../test/identity/support/identity.ts';
import { LIMITS, TEXTS, checkRequest, snapshotOf } from '../../test/extauthz/support/engine.ts';
import type { Ask } from '../../test/extauthz/support/engine.ts';
import { access, operation, policiesYaml, source } from '../../test/extauthz/support/yaml.ts';

export const ALGORITHMS = ['ES256', 'RS256', 'EdDSA'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

const CONTEXT = { deadlineMs: Number.POSITIVE_INFINITY, peerAllowed: true };
/** Rules beside those that are asked for, as a service has them. */
const OTHER_RULES = 100;
const AUDIENCE = 'orders';

export interface World {
  /** A token of a subject of its own. */
  token(algorithm: Algorithm): Promise<string>;
  check(bytes: Uint8Array): ReturnType<CheckService['check']>;
  /** Throws unless the last check was let in. */
  expectAllowed(): void;
  close(): void;
}

const issuerOf = (algorithm: Algorithm): string => `https://${algorithm.toLowerCase()}.issuer.example`;

/** `keepDecisions`: with the decision cache and what stands before it. */
export async function openWorld(keepDecisions: boolean): Promise<World> {
  const pairs = new Map<Algorithm, Awaited<ReturnType<typeof generateKeyPair>>>();
  const providers: unknown[] = [];
  for (const algorithm of ALGORITHMS) {
    const pair = await generateKeyPair(algorithm, { extractable: true });
    pairs.set(algorithm, pair);
    const jwk = { ...(await exportJWK(pair.publicKey)), kid: algorithm, alg: algorithm, use: 'sig' };
    providers.push({
      apiVersion: 'portcullis.dev/v1',
      kind: 'IdentityProvider',
      metadata: { name: algorithm.toLowerCase(), namespace: 'shop' },
      spec: {
        issuer: issuerOf(algorithm),
        jwt: { audiences: [AUDIENCE], jwks: JSON.stringify({ keys: [jwk] }), algorithms: [algorithm] },
      },
    });
  }
  const policies = policiesYaml(
    [
      access(
        'ALLOW',
        ...Array.from({ length: OTHER_RULES }, (_, i) => operation({ paths: [`/other-${i}/{*}`] })),
        operation({ paths: ['/public/{*}'] }),
        {
          ...source({ requestPrincipals: ALGORITHMS.map((algorithm) => `${issuerOf(algorithm)}/*`) }),
          ...operation({ paths: ['/orders/{*}'] }),
        },
      ),
    ],
    providers,
  );
  const snapshot = snapshotOf(policies, { jwtMetadata: '' });
  const log = { info: (): void => undefined, warn: (): void => undefined };
  // First-seen tokens by the ten thousand must not push out those that are asked about again.
  const identity = new Authenticator({
    settings: {
      ...IDENTITY,
      tokens: { maxEntries: 100_000, maxBytes: 256 * 2 ** 20, maxTtlSeconds: 300 },
      revocation: { ...IDENTITY.revocation, required: false },
    },
    log,
  });
  identity.use(snapshot.authentications);
  let allowed = true;
  const service = new CheckService({
    snapshot: () => snapshot,
    identity,
    limits: LIMITS,
    texts: TEXTS,
    cache: { maxEntries: keepDecisions ? 100_000 : 0, ttlSeconds: 60 },
    record: ({ decision }) => {
      allowed &&= decision.allowed;
    },
    onError(error) {
      throw error;
    },
  });
  let subject = 0;
  return {
    token: (algorithm) =>
      new SignJWT({ scope: 'orders.read orders.write', name: 'A Person Of Some Name', groups: ['support', 'eu'] })
        .setProtectedHeader({ alg: algorithm, kid: algorithm, typ: 'at+jwt' })
        .setIssuer(issuerOf(algorithm))
        .setAudience(AUDIENCE)
        .setSubject(`subject-${subject++}`)
        .setIssuedAt()
        .setJti(`id-${subject}`)
        .setExpirationTime('10m')
        .sign(pairs.get(algorithm)!.privateKey),
    check: (bytes) => service.check(bytes, CONTEXT),
    expectAllowed() {
      if (!allowed) throw new Error('a check was refused');
    },
    close: () => identity.close(),
  };
}

/** As Envoy sends them: with the headers that browsers and proxies add. */
export function messageOf(path: string, token: string | null): Buffer {
  const ask: Ask = {
    path,
    headers: {
      'user-agent': 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36',
      accept: 'application/json',
      'x-request-id': '5f1f7d9e-0c5b-4f7b-8f2e-0123456789ab',
      'x-forwarded-for': '10.1.2.3',
      'x-forwarded-proto': 'https',
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
    },
  };
  return checkRequest(ask);
}
