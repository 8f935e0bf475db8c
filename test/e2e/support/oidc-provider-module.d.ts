/** What the tests use of the npm package `oidc-provider`, which brings no types of its own. */
declare module 'oidc-provider' {
  import type { IncomingMessage, ServerResponse } from 'node:http';

  export interface ResourceServerInfo {
    readonly audience: string;
    readonly scope: string;
    readonly accessTokenTTL: number;
    readonly accessTokenFormat: 'jwt' | 'opaque';
    readonly jwt?: { readonly sign: { readonly alg: string } };
  }

  export interface Client {
    readonly clientId: string;
    readonly tlsClientCertificateBoundAccessTokens: boolean;
  }

  export interface Token {
    scope: string | undefined;
    resourceServer: unknown;
    readonly accountId?: string;
    readonly expiration: number;
    readonly tokenType: string;
    setThumbprint(kind: 'x5t' | 'jkt', of: unknown): void;
    save(): Promise<string>;
  }

  export interface Context {
    readonly req: IncomingMessage;
    readonly oidc: {
      readonly client: Client;
      readonly params: Readonly<Record<string, string | undefined>>;
    };
    body: unknown;
  }

  export default class Provider {
    constructor(issuer: string, configuration: object);
    readonly AccessToken: new (values: {
      readonly client: Client;
      readonly accountId: string;
      readonly expiresIn: number;
      readonly gty: string;
    }) => Token;
    readonly ResourceServer: new (identifier: string, info: ResourceServerInfo) => unknown;
    registerGrantType(name: string, handler: (context: Context) => Promise<void>, parameters: readonly string[]): void;
    callback(): (request: IncomingMessage, response: ServerResponse) => Promise<void>;
    on(event: string, listener: (context: Context, error: Error) => void): this;
  }
}
