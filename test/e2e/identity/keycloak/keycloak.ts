import { randomBytes } from 'node:crypto';
import { cp, mkdir, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';

import { createAuthority } from '../../support/certificates.ts';
import { startChild } from '../../support/child-process.ts';
import type { ProviderEndpoints } from '../../support/oidc-world.ts';
import { freePort } from '../../support/ports.ts';
import { temporaryDirectory } from '../../support/temporary-directory.ts';
import { waitUntil } from '../../support/wait.ts';
import { keycloakFolder } from './install.ts';

/** A Keycloak with one realm `shop`, over TLS on loopback, its data gone with it. */
export interface Keycloak extends ProviderEndpoints {
  /** Tokens of `ann` by her password; `other-web` is a client whose tokens are for nobody in particular. */
  signIn(client: 'shop-web' | 'other-web'): Promise<{ readonly accessToken: string; readonly idToken: string }>;
  /** Of the client itself, as automation has it. */
  automationToken(): Promise<string>;
  /** RFC 7009. */
  revoke(token: string): Promise<void>;
  /** Adds a signing key that comes before those that there are. */
  rotateKeys(): Promise<void>;
  /** Removes all signing keys of tokens but the one that was added last. */
  retireKeys(): Promise<void>;
  stop(): Promise<void>;
}

/** Its first start on two cores builds itself anew and makes a database: one minute, measured, alone on the machine. */
const START_TIMEOUT_MS = 300_000;

export async function startKeycloak(): Promise<Keycloak> {
  const installed = await keycloakFolder();
  const directory = await temporaryDirectory();
  const port = await freePort();
  const root = createAuthority('root of Keycloak');
  const tls = root.issue({ addresses: ['127.0.0.1'], commonName: 'keycloak' });
  const secrets = new Map(['admin', 'ann', 'shop-web', 'other-web', 'portcullis'].map((name) => [name, secret()]));
  const secretOf = (name: string): string => secrets.get(name) ?? '';

  // What it writes (its build, database, imports) goes here; the large part is only pointed to.
  const home = join(directory.path, 'keycloak');
  await mkdir(join(home, 'data', 'import'), { recursive: true });
  for (const part of ['bin', 'conf', 'providers'])
    await cp(join(installed, part), join(home, part), { recursive: true });
  await cp(join(installed, 'lib'), join(home, 'lib'), { recursive: true });
  await symlink(join(installed, 'themes'), join(home, 'themes'));
  await writeFile(join(home, 'data', 'import', 'shop.json'), JSON.stringify(realm(secretOf)));
  const [certificateFile, keyFile] = [join(directory.path, 'tls.pem'), join(directory.path, 'key.pem')];
  await writeFile(certificateFile, tls.certificate);
  await writeFile(keyFile, tls.key);

  const base = `https://127.0.0.1:${String(port)}`;
  const child = startChild({
    name: 'keycloak',
    command: 'bash',
    args: [
      ...[join(home, 'bin', 'kc.sh'), 'start-dev', '--import-realm', '--http-host=127.0.0.1'],
      ...[`--https-port=${String(port)}`, `--http-port=${String(await freePort())}`, `--hostname=${base}`],
      ...[`--https-certificate-file=${certificateFile}`, `--https-certificate-key-file=${keyFile}`],
    ],
    env: {
      KC_BOOTSTRAP_ADMIN_USERNAME: 'admin',
      KC_BOOTSTRAP_ADMIN_PASSWORD: secretOf('admin'),
      JAVA_OPTS_KC_HEAP: '-Xms64m -Xmx512m',
    },
  });
  const stop = async (): Promise<void> => {
    await child.stop();
    await directory.remove();
  };

  const issuer = `${base}/realms/shop`;
  const protocol = `${issuer}/protocol/openid-connect`;
  const ask = (asked: Omit<Asked, 'authority'>): Promise<string> => askJson({ ...asked, authority: root.certificate });
  const grant = async (client: string, form: Record<string, string>): Promise<Tokens> => {
    const body = await ask({ url: `${protocol}/token`, auth: `${client}:${secretOf(client)}`, form });
    return JSON.parse(body) as Tokens;
  };
  const admin = async (path: string, asked: Pick<Asked, 'method' | 'json'> = {}): Promise<string> => {
    const form = { grant_type: 'password', client_id: 'admin-cli', username: 'admin', password: secretOf('admin') };
    const tokens = await ask({ url: `${base}/realms/master/protocol/openid-connect/token`, form });
    const { access_token: bearer } = JSON.parse(tokens) as Tokens;
    return ask({ url: `${base}/admin/realms/shop${path}`, bearer, ...asked });
  };

  let added = '';
  try {
    await waitUntil(
      'Keycloak to serve its realm',
      async () => child.exit() !== null || (await ask({ url: `${issuer}/.well-known/openid-configuration` })) !== '',
      { timeoutMs: START_TIMEOUT_MS, everyMs: 500, because: () => child.output() },
    );
    if (child.exit() !== null) throw new Error(`Keycloak left at once:\n${child.output()}`);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    issuer,
    authority: root.certificate,
    introspectionEndpoint: `${protocol}/token/introspect`,
    introspector: { clientId: 'portcullis', secret: secretOf('portcullis') },
    async signIn(client) {
      const form = { grant_type: 'password', username: 'ann', password: secretOf('ann'), scope: 'openid' };
      const { access_token: accessToken, id_token: idToken = '' } = await grant(client, form);
      return { accessToken, idToken };
    },
    automationToken: async () => (await grant('shop-web', { grant_type: 'client_credentials' })).access_token,
    async revoke(token) {
      await ask({ url: `${protocol}/revoke`, auth: `shop-web:${secretOf('shop-web')}`, form: { token } });
    },
    async rotateKeys() {
      added = `added-${secret()}`;
      await admin('/components', {
        method: 'POST',
        json: {
          name: added,
          providerId: 'ecdsa-generated',
          providerType: KEY_PROVIDER,
          config: { priority: ['500'], enabled: ['true'], active: ['true'], ecdsaEllipticCurveKey: ['P-256'] },
        },
      });
    },
    async retireKeys() {
      const components = JSON.parse(await admin(`/components?type=${KEY_PROVIDER}`)) as Component[];
      for (const { id, name, providerId } of components) {
        if (providerId === 'ecdsa-generated' && name !== added) await admin(`/components/${id}`, { method: 'DELETE' });
      }
    },
    stop,
  };
}

const KEY_PROVIDER = 'org.keycloak.keys.KeyProvider';

interface Tokens {
  readonly access_token: string;
  readonly id_token?: string;
}

interface Component {
  readonly id: string;
  readonly name: string;
  readonly providerId: string;
}

function secret(): string {
  return randomBytes(16).toString('hex');
}

function realm(secretOf: (name: string) => string): object {
  const client = { enabled: true, standardFlowEnabled: false };
  return {
    realm: 'shop',
    enabled: true,
    defaultSignatureAlgorithm: 'ES256',
    roles: { realm: [{ name: 'support' }] },
    components: {
      [KEY_PROVIDER]: [
        {
          name: 'first',
          providerId: 'ecdsa-generated',
          config: { priority: ['100'], ecdsaEllipticCurveKey: ['P-256'] },
        },
      ],
    },
    users: [
      {
        username: 'ann',
        enabled: true,
        email: 'ann@shop.example',
        firstName: 'Ann',
        lastName: 'Example',
        credentials: [{ type: 'password', value: secretOf('ann') }],
        realmRoles: ['support'],
      },
    ],
    clients: [
      {
        ...client,
        clientId: 'shop-web',
        secret: secretOf('shop-web'),
        directAccessGrantsEnabled: true,
        serviceAccountsEnabled: true,
        protocolMappers: [
          {
            name: 'orders',
            protocol: 'openid-connect',
            protocolMapper: 'oidc-audience-mapper',
            config: {
              'included.custom.audience': 'orders',
              'access.token.claim': 'true',
              'introspection.token.claim': 'true',
            },
          },
        ],
      },
      { ...client, clientId: 'other-web', secret: secretOf('other-web'), directAccessGrantsEnabled: true },
      { ...client, clientId: 'portcullis', secret: secretOf('portcullis') },
    ],
  };
}

interface Asked {
  readonly url: string;
  readonly authority: string;
  readonly method?: string;
  readonly auth?: string;
  readonly bearer?: string;
  readonly form?: Readonly<Record<string, string>>;
  readonly json?: object;
}

/** The body of a success; rejects with whatever else is answered. */
function askJson({ url, authority, method, auth, bearer, form, json }: Asked): Promise<string> {
  const body = form === undefined ? json && JSON.stringify(json) : new URLSearchParams(form).toString();
  return new Promise((resolve, reject) => {
    const asking = request(url, {
      method: method ?? (body === undefined ? 'GET' : 'POST'),
      agent: false,
      ca: authority,
      ...(auth === undefined ? {} : { auth }),
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(json === undefined ? {} : { 'content-type': 'application/json' }),
      },
    });
    asking.on('error', reject).on('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', reject).on('end', () => {
        const status = response.statusCode ?? 0;
        if (status >= 200 && status < 300) resolve(text);
        else reject(new Error(`${url} answered ${String(status)} ${text}`));
      });
    });
    asking.end(body);
  });
}
