/** What the configuration of the service says of proofs of identity: `identity` of the file, defaults filled in. */
import type { IntrospectionClient } from './introspection/client.ts';
import type { RevocationSettings } from './revocation/source.ts';

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
  /** Verified JWTs stay in the request, whatever the providers say: Istio's own jwt_authn looks at them after us. */
  readonly leaveTokens: boolean;
}
