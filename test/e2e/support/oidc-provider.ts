import { generateKeyPairSync, randomBytes, type JsonWebKey } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createServer, request as httpsRequest, type Server } from 'node:https';
import { TLSSocket } from 'node:tls';
import Provider, { type Context, type Token } from 'oidc-provider';

import { createAuthority, type Certificate } from './certificates.ts';
import { freePort } from './ports.ts';

/**
 * A certified OpenID provider (the npm package `oidc-provider`) on loopback over TLS, in this process. It has discovery,
 * a JWK Set whose keys can be exchanged while it serves, JWT and opaque access tokens, introspection, revocation and
 * certificate-bound tokens (RFC 8705). It can be gone for a while and come back at the same address.
 */
export interface OidcProvider {
  readonly issuer: string;
  /** PEM of the authority that its certificate comes from. */
  readonly authority: string;
  readonly introspectionEndpoint: string;
  readonly jwksUri: string;
  /** The client that may introspect: `client_secret_basic`. */
  readonly introspector: { readonly clientId: string; readonly secret: string };
  /** An access token of a person who has signed in. */
  personToken(sub: string, options?: TokenOptions): Promise<string>;
  /** An access token of automation: the grant `client_credentials`; `sub` is `ci`. */
  automationToken(options?: Omit<TokenOptions, 'lifetimeSeconds' | 'claims' | 'boundToKey'>): Promise<string>;
  /** RFC 7009; opaque tokens only. */
  revoke(token: string): Promise<void>;
  /** From now on tokens are signed with a new key, published beside those before it. Gives its `kid`. */
  rotateKeys(): string;
  /** Publishes only the key that tokens are signed with now. */
  retireKeys(): void;
  /** Answers per path so far, errors too. */
  answers(path: string): number;
  /** Closes its port and every connection; tokens and keys are as before once it is started again. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

export interface TokenOptions {
  /** Which of {@link AUDIENCES} it is for. Default `orders`. */
  readonly audience?: keyof typeof AUDIENCES;
  /** Default 600. Of tokens for automation always 600. */
  readonly lifetimeSeconds?: number;
  readonly scope?: string;
  /** Further claims. */
  readonly claims?: Readonly<Record<string, unknown>>;
  /** Binds the token to this certificate (`cnf.x5t#S256`), which is shown to the token endpoint. */
  readonly boundTo?: Certificate;
  /** Thumbprint (RFC 7638) of the key that a DPoP token is bound to (`cnf.jkt`). Of tokens of people only. */
  readonly boundToKey?: string;
}

/** Resources by the audience that tokens for them have. */
const AUDIENCES = {
  orders: { resource: 'https://orders.shop.example', format: 'jwt' },
  billing: { resource: 'https://billing.shop.example', format: 'jwt' },
  'opaque-orders': { resource: 'https://opaque.orders.shop.example', format: 'opaque' },
} as const;

const SCOPES = 'orders.read orders.write';
const LIFETIME_SECONDS = 600;
const SIGNED_IN = 'urn:shop.example:signed-in';
const PATHS = {
  token: '/token',
  introspection: '/introspect',
  revocation: '/revoke',
  jwks: '/jwks',
} as const;

/** What the package keeps, of one kind of thing; it looks itself whether a thing has expired. */
function storeOf(model: string, stored: Map<string, object>): object {
  return {
    upsert: (id: string, payload: object) => Promise.resolve(void stored.set(`${model}:${id}`, payload)),
    find: (id: string) => Promise.resolve(stored.get(`${model}:${id}`)),
    destroy: (id: string) => Promise.resolve(void stored.delete(`${model}:${id}`)),
    // Of grants, of which the tokens here have none.
    revokeByGrantId: () => Promise.resolve(),
  };
}

/** Enough to see which keys are used; P-256 keys take under a millisecond. */
function newKey(): JsonWebKey & { readonly kid: string } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return { ...privateKey.export({ format: 'jwk' }), kid: randomBytes(8).toString('hex'), alg: 'ES256', use: 'sig' };
}

export async function startOidcProvider(): Promise<OidcProvider> {
  const port = await freePort();
  const issuer = `https://127.0.0.1:${String(port)}`;
  const root = createAuthority('root of the OpenID provider');
  const tls = root.issue({ addresses: ['127.0.0.1'], commonName: 'login.shop.example' });
  const cookieKey = randomBytes(16).toString('hex');
  const clients = { person: newClient('shop-web'), ci: newClient('ci'), introspector: newClient('portcullis') };
  const claimsOf = new Map<string, Readonly<Record<string, unknown>>>();
  const answers = new Map<string, number>();

  const stored = new Map<string, object>();

  let keys = [newKey()];
  /** The package reads its keys once: another set of keys is another instance, and tokens are kept beside them. */
  const newInstance = (): ReturnType<Provider['callback']> => {
    const provider = new Provider(issuer, {
      jwks: { keys },
      adapter: (model: string) => storeOf(model, stored),
      cookies: { keys: [cookieKey] },
      clients: [
        { ...registration(clients.person), grant_types: [SIGNED_IN] },
        { ...registration(clients.ci), grant_types: ['client_credentials'] },
        { ...registration(bound(clients.person)), grant_types: [SIGNED_IN], ...CERTIFICATE_BOUND },
        { ...registration(bound(clients.ci)), grant_types: ['client_credentials'], ...CERTIFICATE_BOUND },
        { ...registration(clients.introspector), grant_types: [] },
      ],
      clientDefaults: { id_token_signed_response_alg: 'ES256' },
      scopes: SCOPES.split(' '),
      routes: PATHS,
      ttl: { ClientCredentials: LIFETIME_SECONDS, AccessToken: LIFETIME_SECONDS, Grant: LIFETIME_SECONDS },
      extraTokenClaims: (_context: Context, token: Token) => claimsOf.get(token.accountId ?? ''),
      features: {
        devInteractions: { enabled: false },
        clientCredentials: { enabled: true },
        introspection: {
          enabled: true,
          allowedPolicy: (_context: Context, client: { clientId: string }) =>
            client.clientId === clients.introspector.clientId,
        },
        revocation: { enabled: true, allowedPolicy: () => true },
        mTLS: { enabled: true, certificateBoundAccessTokens: true, getCertificate },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (_context: Context, resource: string) => resourceServer(resource),
        },
      },
    });
    provider.registerGrantType(
      SIGNED_IN,
      async (context) => {
        const { client, params } = context.oidc;
        const { account = '', resource = '', lifetime = '', scope, thumbprint } = params;
        const token = new provider.AccessToken({
          client,
          accountId: account,
          expiresIn: Number(lifetime),
          gty: SIGNED_IN,
        });
        token.scope = scope;
        token.resourceServer = new provider.ResourceServer(resource, resourceServer(resource));
        if (client.tlsClientCertificateBoundAccessTokens) token.setThumbprint('x5t', getCertificate(context));
        if (thumbprint !== undefined) token.setThumbprint('jkt', thumbprint);
        context.body = {
          access_token: await token.save(),
          expires_in: token.expiration,
          token_type: token.tokenType,
        };
      },
      ['account', 'resource', 'lifetime', 'scope', 'thumbprint'],
    );
    return provider.callback();
  };

  let instance = newInstance();
  let server: Server | null = null;

  const post = (
    path: string,
    client: OAuthClient,
    form: Record<string, string | undefined>,
    certificate?: Certificate,
  ) => postForm({ url: `${issuer}${path}`, authority: root.certificate, client, form, certificate });

  const tokenOf = async (
    client: OAuthClient,
    form: Record<string, string | undefined>,
    options: TokenOptions,
  ): Promise<string> => {
    const { resource } = AUDIENCES[options.audience ?? 'orders'];
    const { status, body } = await post(
      PATHS.token,
      options.boundTo === undefined ? client : bound(client),
      { ...form, resource, scope: options.scope },
      options.boundTo,
    );
    const { access_token: token } = JSON.parse(body) as { access_token?: string };
    if (status !== 200 || token === undefined) throw new Error(`no token: ${String(status)} ${body}`);
    return token;
  };

  const provider: OidcProvider = {
    issuer,
    authority: root.certificate,
    introspectionEndpoint: `${issuer}${PATHS.introspection}`,
    jwksUri: `${issuer}${PATHS.jwks}`,
    introspector: clients.introspector,
    async personToken(sub, options = {}) {
      // Of the account, as a directory has them; the token is made within this call.
      claimsOf.set(sub, options.claims ?? {});
      const lifetime = String(options.lifetimeSeconds ?? LIFETIME_SECONDS);
      const { boundToKey: thumbprint } = options;
      return tokenOf(clients.person, { grant_type: SIGNED_IN, account: sub, lifetime, thumbprint }, options);
    },
    automationToken: (options = {}) => tokenOf(clients.ci, { grant_type: 'client_credentials' }, options),
    async revoke(token) {
      const { status, body } = await post(PATHS.revocation, clients.person, { token });
      if (status !== 200) throw new Error(`not revoked: ${String(status)} ${body}`);
    },
    rotateKeys() {
      const key = newKey();
      // It signs with the first that fits.
      keys = [key, ...keys];
      instance = newInstance();
      return key.kid;
    },
    retireKeys() {
      keys = keys.slice(0, 1);
      instance = newInstance();
    },
    answers: (path) => answers.get(path) ?? 0,
    async stop() {
      const stopping = server;
      server = null;
      if (stopping === null) return;
      await new Promise<void>((resolve) => {
        stopping.close(() => {
          resolve();
        });
        stopping.closeAllConnections();
      });
    },
    async start() {
      // Certificates of clients come from anywhere: RFC 8705 section 2.2, and tokens are bound to what was shown.
      const starting = createServer(
        { cert: tls.certificate, key: tls.key, requestCert: true, rejectUnauthorized: false },
        (request, response) => {
          const path = (request.url ?? '').replace(/\?.*$/, '');
          answers.set(path, (answers.get(path) ?? 0) + 1);
          void instance(request, response);
        },
      );
      await new Promise<void>((resolve, reject) => {
        starting.once('error', reject).listen(port, '127.0.0.1', resolve);
      });
      server = starting;
    },
  };
  await provider.start();
  return provider;
}

interface OAuthClient {
  readonly clientId: string;
  readonly secret: string;
}

function newClient(clientId: string): OAuthClient {
  return { clientId, secret: randomBytes(24).toString('base64url') };
}

/** The same party, whose tokens are bound: a matter of a client's registration. */
function bound({ clientId, secret }: OAuthClient): OAuthClient {
  return { clientId: `${clientId}-bound`, secret };
}

const CERTIFICATE_BOUND = { tls_client_certificate_bound_access_tokens: true };

function registration({ clientId, secret }: OAuthClient): object {
  return {
    client_id: clientId,
    client_secret: secret,
    redirect_uris: [],
    response_types: [],
    token_endpoint_auth_method: 'client_secret_basic',
  };
}

function resourceServer(resource: string) {
  const found = Object.entries(AUDIENCES).find(([, candidate]) => candidate.resource === resource);
  if (found === undefined) throw new Error(`unknown resource ${resource}`);
  const [audience, { format }] = found;
  return {
    audience,
    scope: SCOPES,
    accessTokenTTL: LIFETIME_SECONDS,
    accessTokenFormat: format,
    ...(format === 'jwt' ? { jwt: { sign: { alg: 'ES256' } } } : {}),
  };
}

function getCertificate({ req }: { readonly req: IncomingMessage }) {
  return req.socket instanceof TLSSocket ? req.socket.getPeerX509Certificate() : undefined;
}

interface Post {
  readonly url: string;
  readonly authority: string;
  readonly client: OAuthClient;
  readonly form: Readonly<Record<string, string | undefined>>;
  readonly certificate: Certificate | undefined;
}

/** Not `fetch`: it shows no client certificate, and takes no authority of one's own. */
function postForm({ url, authority, client, form, certificate }: Post): Promise<{ status: number; body: string }> {
  const fields = Object.entries(form).filter((field): field is [string, string] => field[1] !== undefined);
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, {
      method: 'POST',
      agent: false,
      ca: authority,
      auth: `${client.clientId}:${client.secret}`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      ...(certificate === undefined ? {} : { cert: certificate.certificate, key: certificate.key }),
    });
    request.on('error', reject).on('response', (response) => {
      const chunks: Buffer[] = [];
      response
        .on('data', (chunk: Buffer) => chunks.push(chunk))
        .on('error', reject)
        .on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') });
        });
    });
    request.end(new URLSearchParams(fields).toString());
  });
}
