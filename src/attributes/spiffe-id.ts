import type { SpiffeId } from './peer-identity.ts';

const SCHEME = 'spiffe://';
/** SPIFFE-ID §2.3: no longer than 2048 bytes, the trust domain no longer than 255. */
const MAX_ID_LENGTH = 2048;
const MAX_TRUST_DOMAIN_LENGTH = 255;

/**
 * Strict SPIFFE ID (SPIFFE-ID §2): lower-case trust domain, segments of `[A-Za-z0-9._-]+`, none of them
 * `.` or `..`, no trailing slash, no port, userinfo, query, fragment or escape. null: not one.
 */
export function parseSpiffeId(uri: string): SpiffeId | null {
  if (uri.length > MAX_ID_LENGTH || !uri.startsWith(SCHEME)) return null;
  const id = uri.slice(SCHEME.length);
  const slash = id.indexOf('/');
  const trustDomain = slash < 0 ? id : id.slice(0, slash);
  if (!isTrustDomain(trustDomain)) return null;
  let namespace: string | null = null;
  let serviceAccount: string | null = null;
  if (slash >= 0) {
    const segments = id.slice(slash + 1).split('/');
    for (const segment of segments) if (!isSegment(segment)) return null;
    if (segments.length === 4 && segments[0] === 'ns' && segments[2] === 'sa') {
      namespace = segments[1]!;
      serviceAccount = segments[3]!;
    }
  }
  return { id, trustDomain, namespace, serviceAccount };
}

function isTrustDomain(text: string): boolean {
  return text.length > 0 && text.length <= MAX_TRUST_DOMAIN_LENGTH && /^[a-z0-9._-]+$/.test(text);
}

function isSegment(text: string): boolean {
  return text !== '.' && text !== '..' && /^[A-Za-z0-9._-]+$/.test(text);
}
