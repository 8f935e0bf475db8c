/** What every kind has around its `spec`: Kubernetes' apiVersion, kind, metadata and status. */
import * as z from 'zod';
import { DNS_LABEL, DNS_SUBDOMAIN, formatted, MAX_NAME_LENGTH } from './format.ts';

const ignored = z.unknown().optional();

/** Fields of Kubernetes' ObjectMeta that say nothing to us and are let through. */
const otherMetadata = {
  generateName: ignored,
  selfLink: ignored,
  uid: ignored,
  resourceVersion: ignored,
  generation: ignored,
  creationTimestamp: ignored,
  deletionTimestamp: ignored,
  deletionGracePeriodSeconds: ignored,
  ownerReferences: ignored,
  finalizers: ignored,
  managedFields: ignored,
};

export const metadata = z
  .strictObject({
    name: formatted(
      DNS_SUBDOMAIN,
      'bad-name',
      'name',
      'a name is lower-case letters, digits, `-` and `.`, and begins and ends with a letter or digit',
    )
      .max(MAX_NAME_LENGTH)
      .describe('Name of the object, unique for its kind in its namespace.'),
    namespace: formatted(
      DNS_LABEL,
      'bad-name',
      'namespace',
      'a namespace is at most 63 lower-case letters, digits and `-`, and begins and ends with a letter or digit',
    ).describe(
      'Namespace of the object. Required: policies apply to workloads of their own namespace, and those of the root namespace to all.',
    ),
    labels: z.record(z.string(), z.string()).nullish().describe('Kubernetes labels; they have no meaning here.'),
    annotations: z.record(z.string(), z.string()).nullish().describe('Kubernetes annotations.'),
    ...otherMetadata,
  })
  .describe('Kubernetes object metadata.');

/** A whole object of one kind. */
export function envelope<Spec extends z.ZodType>(kind: string, apiVersions: readonly string[], spec: Spec) {
  return z.strictObject({
    apiVersion: z.enum(apiVersions).describe('API group and version.'),
    kind: z.literal(kind),
    metadata,
    spec,
    status: ignored.describe('Ignored.'),
  });
}
