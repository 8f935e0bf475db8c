/**
 * Istio's AuthorizationPolicy (istio.io/api security/v1beta1/authorization_policy.proto). In protobuf JSON
 * a null is a field left out, so every field may be null here.
 */
import * as z from 'zod';

const values = z.array(z.string()).nullish();

const source = z.strictObject({
  principals: values,
  notPrincipals: values,
  requestPrincipals: values,
  notRequestPrincipals: values,
  namespaces: values,
  notNamespaces: values,
  serviceAccounts: values,
  notServiceAccounts: values,
  trustDomains: values,
  notTrustDomains: values,
  ipBlocks: values,
  notIpBlocks: values,
  remoteIpBlocks: values,
  notRemoteIpBlocks: values,
});

const operation = z.strictObject({
  hosts: values,
  notHosts: values,
  ports: values,
  notPorts: values,
  methods: values,
  notMethods: values,
  paths: values,
  notPaths: values,
});

const condition = z.strictObject({ key: z.string().nullish(), values, notValues: values });

const rule = z.strictObject({
  from: z.array(z.strictObject({ source: source.nullish() }).nullable()).nullish(),
  to: z.array(z.strictObject({ operation: operation.nullish() }).nullable()).nullish(),
  when: z.array(condition.nullable()).nullish(),
});

export const workloadSelector = z.strictObject({ matchLabels: z.record(z.string(), z.string()).nullish() });

export const targetReference = z.strictObject({
  group: z.string().nullish(),
  kind: z.string().nullish(),
  name: z.string().nullish(),
  namespace: z.string().nullish(),
});

export const authorizationPolicySpec = z
  .strictObject({
    selector: workloadSelector.nullish(),
    targetRef: targetReference.nullish(),
    targetRefs: z.array(targetReference.nullable()).nullish(),
    action: z.enum(['ALLOW', 'DENY', 'AUDIT', 'CUSTOM']).nullish(),
    provider: z.strictObject({ name: z.string().nullish() }).nullish(),
    rules: z.array(rule.nullable()).nullish(),
  })
  .nullish();
