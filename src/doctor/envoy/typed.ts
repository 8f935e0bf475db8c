/** What an `Any` holds: `typed_config`, with the name of its message in `@type`. */
import type { Part } from '../part.ts';

/** `envoy.config.listener.v3.Listener` of `type.googleapis.com/envoy.config.listener.v3.Listener`; empty when it says none. */
export function typeNameOf(part: Part): string {
  if (!part.isMap) return '';
  const url = part.at('@type').text() ?? '';
  return url.slice(url.lastIndexOf('/') + 1);
}

export interface Typed {
  readonly type: string;
  readonly config: Part;
}

/** The message, taken out of a TypedStruct (`type_url`, `value`) when that is how it is written. */
export function typed(part: Part): Typed {
  const type = typeNameOf(part);
  if (!type.endsWith('.TypedStruct')) return { type, config: part };
  const url = part.at('type_url').text() ?? '';
  return { type: url.slice(url.lastIndexOf('/') + 1), config: part.at('value') };
}

export function isExtAuthz(type: string): boolean {
  return /\.ext_authz\.v\w+\.ExtAuthz$/.test(type) && !type.includes('.network.');
}

export function isJwtAuthn(type: string): boolean {
  return type.endsWith('.jwt_authn.v3.JwtAuthentication');
}

export function isConnectionManager(type: string): boolean {
  return type.endsWith('.HttpConnectionManager');
}
