/** Istio's RequestAuthentication (istio.io/api security/v1beta1/request_authentication.proto). */
import * as z from 'zod';
import { targetReference, workloadSelector } from './authorization-policy.ts';
import { MAX_JWT_RULES, MAX_NAMES, MAX_VALUES } from './limits.ts';

const text = z.string().nullish();
const texts = z.array(z.string()).max(MAX_VALUES).nullish();
const names = z.array(z.string()).max(MAX_NAMES).nullish();

const jwtRule = z.strictObject({
  issuer: text.describe('Issuer of the token (`iss`), exact. Left out: any whose token the keys verify.'),
  audiences: texts.describe('The token must be for one of these. Left out: for anybody.'),
  jwksUri: text.describe('Where the keys are. Left out: the issuer’s discovery document says it.'),
  jwks_uri: text.describe('The same as `jwksUri`.'),
  jwks: text.describe('The keys themselves: a JSON Web Key Set. Comes before `jwksUri`.'),
  fromHeaders: z
    .array(z.strictObject({ name: text, prefix: text }).nullable())
    .max(MAX_NAMES)
    .nullish(),
  fromParams: names,
  fromCookies: names,
  outputPayloadToHeader: text.describe('Header that gets the payload of the token, as base64url.'),
  outputClaimToHeaders: z
    .array(z.strictObject({ header: text, claim: text }).nullable())
    .max(MAX_NAMES)
    .nullish(),
  forwardOriginalToken: z.boolean().nullish().describe('The called workload gets the token too.'),
  timeout: text.describe('For fetching the keys, e.g. `5s`.'),
  spaceDelimitedClaims: names,
});

export const requestAuthenticationSpec = z
  .strictObject({
    selector: workloadSelector.nullish(),
    targetRef: targetReference.nullish(),
    targetRefs: z.array(targetReference.nullable()).nullish(),
    jwtRules: z.array(jwtRule.nullable()).max(MAX_JWT_RULES).nullish(),
  })
  .nullish();
