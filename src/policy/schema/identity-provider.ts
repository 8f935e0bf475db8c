/** `portcullis.dev/v1` IdentityProvider. */
import * as z from 'zod';
import { formatted } from './format.ts';
import {
  MAX_API_KEYS,
  MAX_AUDIENCES,
  MAX_CLAIM_NAMES,
  MAX_IDENTITY_TEXT,
  MAX_JWKS_LENGTH,
  MAX_LABELS,
  MAX_LOCATIONS,
  MAX_NAMES,
} from './limits.ts';
import { timestamp } from './access-policy.ts';

const text = z.string().min(1).max(MAX_IDENTITY_TEXT);
const texts = (max: number, description: string) => z.array(text).min(1).max(max).optional().describe(description);

/** A name of ours, in logs, metrics and principals. */
const name = formatted(
  /^[A-Za-z0-9]([-A-Za-z0-9_.@]{0,126}[A-Za-z0-9])?$/,
  'bad-name',
  'name here',
  'it is at most 128 letters, digits, `-`, `_`, `.` and `@`, and begins and ends with a letter or digit',
);

/** Asymmetric ones of RFC 7518 and RFC 8037. */
const algorithm = formatted(
  /^([RPE]S(256|384|512)|EdDSA)$/,
  'bad-algorithm',
  'algorithm here',
  'an algorithm has a public key: RS256, PS256, ES256 (or 384, 512) or EdDSA. `none` proves nothing, and with HS256 whoever verifies tokens could make them',
);

const location = z.strictObject({
  name: z.string().min(1).describe('Name of the header.'),
  prefix: z
    .string()
    .max(64)
    .optional()
    .describe('What stands before the proof, its blank too: `Bearer `. Left out: the value is the proof.'),
});

const spaceDelimitedClaims = texts(
  MAX_CLAIM_NAMES,
  'Claims whose text is a list, divided by blanks, besides `scope` and `permission`.',
);

const jwt = z
  .strictObject({
    audiences: z
      .array(text)
      .min(1)
      .max(MAX_AUDIENCES)
      .describe('The token must be for one of these (`aud`): a token for another service is nothing to this one.'),
    jwksUri: text.optional().describe('Where the issuer publishes its keys.'),
    jwks: z.string().min(1).max(MAX_JWKS_LENGTH).optional().describe('The public keys themselves: a JSON Web Key Set.'),
    discovery: z
      .boolean()
      .optional()
      .describe(
        'Find the keys by `ISSUER/.well-known/openid-configuration`. So it is when neither `jwksUri` nor `jwks` is there.',
      ),
    algorithms: z
      .array(algorithm)
      .min(1)
      .max(10)
      .optional()
      .describe('Signature algorithms that are taken. Left out: RS256, PS256, ES256 and EdDSA.'),
    clockSkewSeconds: z
      .int()
      .min(0)
      .max(60)
      .optional()
      .describe('How far the clock of the issuer may be off. Left out: 30.'),
    requiredClaims: texts(MAX_CLAIM_NAMES, 'Claims that the token must have, besides `iss`, `aud`, `exp` and `sub`.'),
    typ: text
      .optional()
      .describe('Type that the header of the token must name, e.g. `at+jwt` for access tokens (RFC 9068).'),
    maxTokenAgeSeconds: z
      .int()
      .min(1)
      .max(31_536_000)
      .optional()
      .describe('A token is not taken this long after it was issued (`iat`), whatever its `exp` says.'),
    binding: z
      .enum(['none', 'certificate', 'dpop'])
      .optional()
      .describe(
        'Proof that the sender is who got the token. `certificate`: its client certificate (RFC 8705); `dpop`: a DPoP proof (RFC 9449). Left out: none.',
      ),
    spaceDelimitedClaims,
    outputPayloadToHeader: z
      .string()
      .min(1)
      .optional()
      .describe('Header that gets the payload of the token, as base64url.'),
    outputClaimToHeaders: z
      .array(
        z.strictObject({
          header: z.string().min(1).describe('Header that gets the claim.'),
          claim: text.describe('Name of the claim, `outer.inner` for a nested one.'),
        }),
      )
      .min(1)
      .max(MAX_NAMES)
      .optional()
      .describe('Headers that get claims.'),
  })
  .describe('Signed tokens (RFC 7519), verified with the keys of the issuer.');

const introspection = z
  .strictObject({
    endpoint: text.describe('Address that is asked about each token (RFC 7662).'),
    client: name.describe(
      'Name of an entry of `identity.clients` in the service configuration: who asks, and with which secret.',
    ),
    audiences: texts(MAX_AUDIENCES, 'The answer must name one of these (`aud`). Left out: it is not looked at.'),
    requiredScopes: texts(MAX_CLAIM_NAMES, 'Scopes that the token must have, all of them.'),
    maxCacheSeconds: z
      .int()
      .min(0)
      .max(3600)
      .optional()
      .describe('How long an answer may be used again, never past `exp`. Left out: 60. 0: ask each time.'),
    spaceDelimitedClaims,
  })
  .describe('Opaque tokens, about which the authorization server is asked.');

/** zod lets an unknown value be absent; that it is needed is told when it is read. */
const apiKey = z
  .strictObject({
    id: name.describe('Names the key in logs; unique in the provider.'),
    owner: text.describe('Whose key it is: the principal is `ISSUER/OWNER`.'),
    // Looked at when it is read: a message about it must not repeat what may be the key itself.
    sha256: z.unknown().meta({
      type: 'array',
      items: { type: 'string', pattern: '^[0-9A-Fa-f]{64}$' },
      minItems: 1,
      maxItems: 8,
      description:
        'SHA-256 of the key in hexadecimal: `printf %s "$KEY" | sha256sum`. Several while an old key is replaced by a new one.',
    }),
    labels: z
      .record(z.string(), z.string())
      .optional()
      .describe(`Claims of the principal, at most ${MAX_LABELS}: \`request.auth.claims[NAME]\`.`),
    valid: z
      .strictObject({
        from: timestamp.optional().describe('First moment at which the key counts (RFC 3339).'),
        until: timestamp.optional().describe('First moment at which it no longer counts (RFC 3339).'),
      })
      .optional()
      .describe('When the key counts.'),
  })
  .meta({ required: ['id', 'owner', 'sha256'] });

const apiKeys = z
  .strictObject({
    keys: z.array(apiKey).min(1).max(MAX_API_KEYS).describe('The keys, by their hashes.'),
  })
  .describe('Long random keys, of which only hashes are in the file.');

export const identityProviderSpec = z
  .strictObject({
    selector: z
      .strictObject({
        matchLabels: z
          .record(z.string(), z.string())
          .optional()
          .describe('Labels that the called workload must have, all of them.'),
      })
      .optional()
      .describe(
        'Which workloads of the namespace (of the mesh, in the root namespace) take its proofs. Left out: all.',
      ),
    issuer: text.describe(
      'Who vouches. Of a JWT the claim `iss`, exact. It is the first part of the principal: `ISSUER/SUBJECT`.',
    ),
    from: z
      .strictObject({
        headers: z.array(location).min(1).max(MAX_LOCATIONS).optional().describe('Headers.'),
        params: texts(MAX_LOCATIONS, 'Query parameters. They end up in logs and histories: prefer headers.'),
        cookies: texts(MAX_LOCATIONS, 'Cookies.'),
      })
      .optional()
      .describe(
        'Where the proof is looked for. Left out: `Authorization: Bearer TOKEN` (`DPoP TOKEN` with `binding: dpop`), and `X-API-Key` for keys.',
      ),
    forwardOriginal: z
      .boolean()
      .optional()
      .describe(
        'The called workload gets the proof too. Left out: it does not, since whoever has a token or key can use it elsewhere.',
      ),
    jwt: jwt.optional(),
    introspection: introspection.optional(),
    apiKeys: apiKeys.optional(),
  })
  .describe('How callers prove who they are: exactly one of `jwt`, `introspection` and `apiKeys`.')
  .meta({
    oneOf: ['jwt', 'introspection', 'apiKeys'].map((way) => ({ properties: { [way]: true }, required: [way] })),
  });
