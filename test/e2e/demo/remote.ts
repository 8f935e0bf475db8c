import { decodeProtectedHeader } from 'jose';
import { hash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { HeaderLine } from '../support/headers.ts';
import { forgedToken } from '../support/oidc-forged.ts';
import { startOidcProvider, type OidcProvider } from '../support/oidc-provider.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import type { WorldService } from '../support/world.ts';

/**
 * Remote access as in `policies/remote-access.yaml`, with two real OpenID providers in place of the sample's issuers: one for
 * people, one for CI. Beside it contractors, whose tokens are opaque.
 */
export interface RemoteAccess {
  readonly service: WorldService;
  readonly issuers: Issuers;
  /** What a client sends to show who it is. */
  headerOf(proof: Proof): Promise<HeaderLine>;
  stop(): Promise<void>;
}

export interface Issuers {
  readonly staff: string;
  readonly ci: string;
}

const SAMPLE = new URL('../../../policies/remote-access.yaml', import.meta.url);

/** The providers' audience that stands for the sample's `platform`. */
const AUDIENCE = 'orders';

const nowSeconds = Math.floor(Date.now() / 1000);
const MINUTE_SECONDS = 60;

const DEVELOPER = { groups: ['developers'], amr: ['pwd', 'mfa'], auth_time: nowSeconds - MINUTE_SECONDS };
const OPERATOR = { groups: ['operators'], amr: ['pwd', 'mfa'], auth_time: nowSeconds - MINUTE_SECONDS };

type Make = (
  providers: { readonly staff: OidcProvider; readonly ci: OidcProvider },
  key: string,
) => Promise<HeaderLine>;

const PROOFS = {
  dev: ({ staff }) => bearer(staff.personToken('dev', { claims: DEVELOPER })),
  'dev, for billing': ({ staff }) => bearer(staff.personToken('dev', { claims: DEVELOPER, audience: 'billing' })),
  // Longer ago than clocks may differ.
  'dev, expired': ({ staff }) =>
    bearer(staff.personToken('dev', { claims: DEVELOPER, lifetimeSeconds: -5 * MINUTE_SECONDS })),
  // It names the key of the issuer, and is signed with another one.
  'dev, forged': async ({ staff }) => {
    const { kid = '' } = decodeProtectedHeader(await staff.personToken('dev'));
    return bearer(forgedToken(staff.issuer, 'dev', kid));
  },
  'dev, password': ({ staff }) => bearer(staff.personToken('dev', { claims: { ...DEVELOPER, amr: ['pwd'] } })),
  'oz, mfa just now': ({ staff }) => bearer(staff.personToken('oz', { claims: OPERATOR })),
  'oz, mfa an hour ago': ({ staff }) =>
    bearer(staff.personToken('oz', { claims: { ...OPERATOR, auth_time: nowSeconds - 60 * MINUTE_SECONDS } })),
  'CI, main': ({ ci }) => bearer(jobToken(ci, 'refs/heads/main')),
  'CI, a branch': ({ ci }) => bearer(jobToken(ci, 'refs/heads/try')),
  'an API key': (_, key) => Promise.resolve(['x-api-key', key]),
  'a wrong API key': () => Promise.resolve(['x-api-key', newKey()]),
  'con, opaque': ({ staff }) => bearer(opaqueToken(staff)),
  'con, revoked': async ({ staff }) => {
    const token = await opaqueToken(staff);
    await staff.revoke(token);
    return bearer(Promise.resolve(token));
  },
} satisfies Record<string, Make>;

export type Proof = keyof typeof PROOFS;

export function isProof(name: string): name is Proof {
  return Object.hasOwn(PROOFS, name);
}

async function bearer(token: Promise<string>): Promise<HeaderLine> {
  return ['authorization', `Bearer ${await token}`];
}

function jobToken(ci: OidcProvider, ref: string): Promise<string> {
  return ci.personToken(`repo:acme/shop:ref:${ref}`, { claims: { repository: 'acme/shop', ref } });
}

function opaqueToken(staff: OidcProvider): Promise<string> {
  return staff.personToken('con', { audience: 'opaque-orders', scope: 'orders.read' });
}

function newKey(): string {
  return randomBytes(24).toString('base64url');
}

export async function startRemoteAccess(): Promise<RemoteAccess> {
  const started: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.splice(0).map((end) => end()));
  };
  try {
    const directory = await temporaryDirectory();
    started.push(() => directory.remove());
    const staff = await startOidcProvider();
    started.push(() => staff.stop());
    const ci = await startOidcProvider();
    started.push(() => ci.stop());
    const files = {
      staff: join(directory.path, 'staff.pem'),
      ci: join(directory.path, 'ci.pem'),
      secret: join(directory.path, 'secret'),
    };
    await writeFile(files.staff, staff.authority);
    await writeFile(files.ci, ci.authority);
    await writeFile(files.secret, staff.introspector.secret);
    const key = newKey();
    return {
      service: {
        policies: { 'remote-access.yaml': sampleFor(staff, ci, key), 'contractors.yaml': contractors(staff) },
        config: {
          identity: {
            fetch: {
              targets: [
                { url: staff.issuer, caFile: files.staff, allowLoopback: true },
                { url: ci.issuer, caFile: files.ci, allowLoopback: true },
              ],
            },
            clients: [
              {
                name: 'platform',
                clientId: staff.introspector.clientId,
                secretFile: files.secret,
                endpoints: [staff.introspectionEndpoint],
              },
            ],
          },
        },
      },
      issuers: { staff: staff.issuer, ci: ci.issuer },
      headerOf: (proof) => PROOFS[proof]({ staff, ci }, key),
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The sample, with its issuers, its audience, its keys and its API key exchanged for those that are here. */
function sampleFor(staff: OidcProvider, ci: OidcProvider, key: string): string {
  return readFileSync(SAMPLE, 'utf8')
    .replaceAll('https://login.staff.example', staff.issuer)
    .replaceAll('https://ci.example', ci.issuer)
    .replaceAll('audiences: [platform]', `audiences: [${AUDIENCE}]`)
    .replaceAll(/^ {4}jwks: >-\n(?: {6}.*\n)+/gm, '')
    .replace(/sha256: \[\w+\]/, `sha256: ['${hash('sha256', key)}']`);
}

function contractors({ issuer, introspectionEndpoint }: OidcProvider): string {
  return `
apiVersion: portcullis.dev/v1
kind: IdentityProvider
metadata: { name: contractors, namespace: platform }
spec:
  selector: { matchLabels: { env: staging } }
  issuer: ${issuer}
  introspection:
    endpoint: ${introspectionEndpoint}
    client: platform
    requiredScopes: [orders.read]
---
apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: { name: contractors, namespace: platform }
spec:
  selector: { matchLabels: { env: staging } }
  rules:
    - name: look
      from:
        - source:
            principals: [cluster.local/ns/edge/sa/remote-access]
            requestPrincipals: ['${issuer}/con']
      to: [{ operation: { methods: [GET], paths: ['/apps/{*}'] } }]
      respond: { request: { set: { x-user: '\${request.auth.principal}' } } }
`;
}
