/** The schema of each kind, envelope and all. */
import type * as z from 'zod';
import type { Kind } from '../parse/objects.ts';
import { KIND_VERSIONS } from '../parse/objects.ts';
import { accessPolicySpec } from './access-policy.ts';
import { authorizationPolicySpec } from './authorization-policy.ts';
import { envelope } from './envelope.ts';
import { identityProviderSpec } from './identity-provider.ts';
import { principalGroupSpec } from './principal-group.ts';
import { requestAuthenticationSpec } from './request-authentication.ts';
import { workloadEntrySpec } from './workload-entry.ts';

const SPECS: Readonly<Record<Kind, z.ZodType>> = {
  AccessPolicy: accessPolicySpec,
  AuthorizationPolicy: authorizationPolicySpec,
  IdentityProvider: identityProviderSpec,
  PrincipalGroup: principalGroupSpec,
  RequestAuthentication: requestAuthenticationSpec,
  WorkloadEntry: workloadEntrySpec,
};

function schemaOf(kind: Kind): z.ZodType {
  return envelope(kind, KIND_VERSIONS[kind], SPECS[kind]);
}

export const KIND_SCHEMAS: Readonly<Record<Kind, z.ZodType>> = {
  AccessPolicy: schemaOf('AccessPolicy'),
  AuthorizationPolicy: schemaOf('AuthorizationPolicy'),
  IdentityProvider: schemaOf('IdentityProvider'),
  PrincipalGroup: schemaOf('PrincipalGroup'),
  RequestAuthentication: schemaOf('RequestAuthentication'),
  WorkloadEntry: schemaOf('WorkloadEntry'),
};
