/** `portcullis.dev/v1` PrincipalGroup. */
import * as z from 'zod';
import { MAX_VALUES } from './limits.ts';

const texts = z.array(z.string().min(1)).min(1).max(MAX_VALUES);

export const principalGroupSpec = z
  .strictObject({
    spiffeIds: texts
      .optional()
      .describe(
        'SPIFFE IDs without `spiffe://`: `td/ns/x/sa/y` exact, `td/ns/x/*` prefix, `*/sa/y` suffix, `*` any identity.',
      ),
    subjects: z
      .array(
        z.strictObject({
          issuer: z.string().min(1).describe('Issuer of the token (`iss`), exact.'),
          subjects: texts.describe('Subjects of the token (`sub`), exact.'),
        }),
      )
      .min(1)
      .max(MAX_VALUES)
      .optional()
      .describe('Token subjects, bound to an issuer.'),
    claims: z
      .array(
        z.strictObject({
          issuer: z.string().min(1).describe('Issuer of the token (`iss`), exact.'),
          claim: z.string().min(1).describe('A claim: `groups`, or nested `[realm_access][roles]`.'),
          values: texts.describe(
            'Values of the claim, or of an element when it is a list: exact, prefix, suffix or `*`.',
          ),
        }),
      )
      .min(1)
      .max(MAX_VALUES)
      .optional()
      .describe('Claims of the token, bound to an issuer.'),
    groups: texts
      .optional()
      .describe('Other groups whose members are members here: `name`, or `ns/name` in the root namespace.'),
  })
  .describe('Principals under one name. A principal is a member when one of the entries holds.');
