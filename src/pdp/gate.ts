/** What is refused before any rule is asked, because two programs could read it in two ways (DESIGN §6). */
import { isToken } from '../attributes/bytes.ts';
import { findAmbiguity } from '../attributes/path.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { Reason } from './reason.ts';

/** Far above any registered method; a bound so that logs and keys stay small. */
const MAX_METHOD_LENGTH = 64;

export function refuseAmbiguous(request: RequestAttributes, ambiguousPaths: 'deny' | 'evaluate'): Reason | null {
  const { method } = request;
  if (method.length > MAX_METHOD_LENGTH || !isToken(method)) return 'malformed_method';
  const { target } = request.source;
  if (target === '') {
    // CONNECT names an authority and no path (RFC 9113 §8.5); every other request has one.
    if (method !== 'CONNECT') return 'malformed_path';
  } else if (ambiguousPaths === 'deny' && findAmbiguity(target) !== null) return 'malformed_path';
  // With `evaluate`, hosts too are taken as Istio takes them: any text at all.
  if (ambiguousPaths === 'deny' && request.host === null) return 'malformed_host';
  return null;
}
