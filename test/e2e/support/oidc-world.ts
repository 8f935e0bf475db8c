import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { HeaderLine } from './headers.ts';
import { sendHttp1, type HttpResponse } from './http1-client.ts';
import { clientOf, serverTls } from './identities.ts';
import { forgedToken } from './oidc-forged.ts';
import type { OidcProvider } from './oidc-provider.ts';
import { workloadRoutes, yamlOf } from './policies.ts';
import type { Json } from './recommended-config.ts';
import type { ClientTls } from './target.ts';
import { temporaryDirectory } from './temporary-directory.ts';
import { startWorld, type World } from './world.ts';

/** Portcullis that takes tokens of an OpenID provider, and Envoy that takes connections with certificates only. */
export interface IdentityWorld {
  readonly world: World<'portcullis'>;
  /** One request through Envoy. */
  send(path: string, options?: SendOptions): Promise<HttpResponse>;
  /**
   * Makes the service ask for keys now, unless it did within a second: a token with a key that nobody knows. Gives the
   * answer to that token.
   */
  askForKeys(path: string): Promise<HttpResponse>;
  /** Puts a whole revocation list in place. */
  writeRevocations(entries: readonly Json[]): Promise<void>;
  stop(): Promise<void>;
}

export interface SendOptions {
  /** Sent as `Authorization: Bearer`. */
  readonly token?: string;
  readonly headers?: readonly HeaderLine[];
  /** Default: the gateway's certificate. */
  readonly as?: ClientTls;
}

/** The provider, as far as the service has to know it. */
export type ProviderEndpoints = Pick<OidcProvider, 'issuer' | 'authority' | 'introspectionEndpoint' | 'introspector'>;

export interface IdentityWorldOptions {
  readonly provider: ProviderEndpoints;
  /** Values of the label `app`: each has the path `/APP/`. */
  readonly apps: readonly string[];
  readonly policies: string;
}

/** What most callers are here: a workload that requests of people come through. */
export const GATEWAY = 'cluster.local/ns/edge/sa/gateway';
const gateway = clientOf('edge', 'gateway');

export async function startIdentityWorld(options: IdentityWorldOptions): Promise<IdentityWorld> {
  const { provider } = options;
  const directory = await temporaryDirectory();
  const files = {
    authority: join(directory.path, 'ca.pem'),
    secret: join(directory.path, 'secret'),
    revocations: join(directory.path, 'revoked.json'),
  };
  const writeRevocations = async (entries: readonly Json[]): Promise<void> => {
    // Not half a file: a list with a mistake is none.
    await writeFile(`${files.revocations}.half`, JSON.stringify({ revoked: entries }));
    await rename(`${files.revocations}.half`, files.revocations);
  };
  try {
    await writeFile(files.authority, provider.authority);
    await writeFile(files.secret, provider.introspector.secret);
    await writeRevocations([]);
    const world = await startWorld({
      services: {
        portcullis: {
          policies: { 'identity.yaml': options.policies },
          config: {
            identity: {
              fetch: {
                targets: [{ url: provider.issuer, caFile: files.authority, allowLoopback: true }],
                // The least of each that the service takes: tests do not wait half a minute.
                refreshSeconds: 10,
                firstKeysWaitSeconds: 1,
                unknownKeyCooldownSeconds: 1,
              },
              clients: [
                {
                  name: 'portcullis',
                  method: 'client_secret_basic',
                  clientId: provider.introspector.clientId,
                  secretFile: files.secret,
                  endpoints: [provider.introspectionEndpoint],
                },
              ],
              revocation: { file: files.revocations, refreshSeconds: 1 },
            },
          },
        },
      },
      listeners: [{ name: 'mtls', tls: serverTls('shop', 'orders'), routes: workloadRoutes('shop', options.apps) }],
    });
    const send: IdentityWorld['send'] = (path, { token, headers = [], as = gateway } = {}) =>
      sendHttp1(world.envoy.target('mtls', as), {
        path,
        headers: [...headers, ...(token === undefined ? [] : [['authorization', `Bearer ${token}`] as const])],
      });
    return {
      world,
      send,
      // Another token each time: the answer to one that was refused is kept.
      askForKeys: async (path) => send(path, { token: await forgedToken(provider.issuer, 'ann') }),
      writeRevocations,
      async stop() {
        await world.stop();
        await directory.remove();
      },
    };
  } catch (error) {
    await directory.remove();
    throw error;
  }
}

/** An IdentityProvider for the workloads with `app: APP`. */
export function identityProvider(name: string, app: string, issuer: string, spec: Json): string {
  return yamlOf({
    apiVersion: 'portcullis.dev/v1',
    kind: 'IdentityProvider',
    metadata: { name, namespace: 'shop' },
    spec: { selector: { matchLabels: { app } }, issuer, ...spec },
  });
}
