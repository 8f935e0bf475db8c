/** What the configuration of the service says of proofs of identity: `identity` of the file, defaults filled in. */
import type { IntrospectionClient } from './introspection/client.ts';

export interface IdentitySettings {
  readonly fetch: {
    readonly targets: readonly {
      readonly url: string;
      readonly allowHttp: boolean;
      readonly allowLoopback: boolean;
      readonly allowLinkLocal: boolean;
      readonly caFile: string | null;
      readonly bearerTokenFile: string | null;
      readonly proxy: string | null;
    }[];
    readonly timeoutSeconds: number;
    readonly maxBytes: number;
    readonly refreshSeconds: number;
    readonly firstKeysWaitSeconds: number;
    readonly unknownKeyCooldownSeconds: number;
  };
  readonly clients: readonly ({ readonly name: string } & IntrospectionClient)[];
  readonly tokens: { readonly maxEntries: number; readonly maxBytes: number; readonly maxTtlSeconds: number };
  readonly revocation: RevocationSettings;
  /** Verified tokens stay in the request, whatever the providers say: Istio's own jwt_authn looks at them after us. */
  readonly leaveTokens: boolean;
}

/** Neither `file` nor `url`: nothing is ever revoked. Never both. */
export interface RevocationSettings {
  readonly file: string | null;
  readonly url: string | null;
  /** How often the list is looked at. */
  readonly refreshSeconds: number;
  /** No proof counts until the list was read once. */
  readonly required: boolean;
}
