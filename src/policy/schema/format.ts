/**
 * Text formats of the schema. zod's issue for a failed pattern carries one string: it holds our code, the
 * noun of the message and the hint, each on its line (see structure.ts, which takes it apart).
 */
import * as z from 'zod';
import type { Code } from '../codes.ts';

export function formatted(pattern: RegExp, code: Code, noun: string, hint: string): z.ZodString {
  return z.string().regex(pattern, [code, noun, hint].join('\n'));
}

/** RFC 1123 label, as Kubernetes names namespaces. */
export const DNS_LABEL = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** RFC 1123 subdomain, as Kubernetes names most objects; the length (253) is looked at in the schema. */
export const DNS_SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

/** Kubernetes' bound for object names. */
export const MAX_NAME_LENGTH = 253;
