/** What is shown beside a token, and what Envoy says of tokens besides. */
import type { ClaimMap } from '../attributes/claim.ts';
import { NO_LINES } from '../attributes/header-lines.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import { proofPlaces } from '../identity/authenticator.ts';
import type { Possession } from '../identity/jwt/possession.ts';
import type { Scope } from '../policy-index/scope.ts';

/** Where no provider asks who holds a token. */
const NOT_ASKED: Possession = Object.freeze({
  certificateSha256: null,
  dpop: NO_LINES,
  method: '',
  scheme: '',
  authority: '',
  target: '',
});

export function possessionOf(request: RequestAttributes, { authentications }: Scope): Possession {
  const { certificate, once } = proofPlaces(authentications);
  if (!certificate && !once) return NOT_ASKED;
  const { method, authority, source } = request;
  return {
    certificateSha256: request.peer.certificate?.sha256 ?? null,
    dpop: request.header('dpop'),
    method,
    scheme: source.scheme,
    authority,
    target: source.target,
  };
}

/** Envoy has verified a token as well, and it is somebody else's. */
export function speaksForAnother(proven: ClaimMap, relayed: ClaimMap | null): boolean {
  return relayed !== null && ['iss', 'sub'].some((name) => relayed.get(name) !== proven.get(name));
}

/** Does the request carry what may be a proof of who asks? */
export function carriesProof(request: RequestAttributes, { authentications }: Scope): boolean {
  if (authentications.length === 0) return false;
  const { headers, query } = proofPlaces(authentications);
  const isThere = (name: string): boolean => {
    const lines = request.header(name);
    return lines.form === 'joined' || lines.lines.length > 0;
  };
  return (query && request.query !== null) || headers.some((name) => !NO_PROOFS.includes(name) && isThere(name));
}

/** Looked at beside proofs, and none themselves. */
const NO_PROOFS: readonly string[] = ['origin', 'access-control-request-method', 'dpop'];
