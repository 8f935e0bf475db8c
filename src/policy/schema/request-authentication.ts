/** Istio's RequestAuthentication (istio.io/api security/v1beta1/request_authentication.proto). */
import * as z from 'zod';
import { targetReference, workloadSelector } from './authorization-policy.ts';

const text = z.string().nullish();
const texts = z.array(z.string()).nullish();

const jwtRule = z.strictObject({
  issuer: text,
  audiences: texts,
  jwksUri: text,
  jwks_uri: text,
  jwks: text,
  fromHeaders: z.array(z.strictObject({ name: text, prefix: text }).nullable()).nullish(),
  fromParams: texts,
  fromCookies: texts,
  outputPayloadToHeader: text,
  outputClaimToHeaders: z.array(z.strictObject({ header: text, claim: text }).nullable()).nullish(),
  forwardOriginalToken: z.boolean().nullish(),
  timeout: text,
  spaceDelimitedClaims: texts,
});

export const requestAuthenticationSpec = z
  .strictObject({
    selector: workloadSelector.nullish(),
    targetRef: targetReference.nullish(),
    targetRefs: z.array(targetReference.nullable()).nullish(),
    jwtRules: z.array(jwtRule.nullable()).nullish(),
  })
  .nullish();
