/** The text of a key set from where a policy says it is. */
import { toText } from '../../attributes/bytes.ts';
import { isClaimMap } from '../../attributes/claim.ts';
import type { KeyOrigin } from '../../policy/identity-model.ts';
import { FetchError } from '../net/fetch-error.ts';
import type { Fetch } from '../net/guarded-fetch.ts';
import { parseDocument } from './key-set.ts';

export type RemoteOrigin = Exclude<KeyOrigin, { readonly from: 'inline' }>;

/** A byte string. `issuer`: what a discovery document has to be of. Throws a {@link FetchError}. */
export async function fetchKeys(
  fetch: Fetch,
  origin: RemoteOrigin,
  issuer: string,
  signal: AbortSignal,
): Promise<string> {
  const get = async (url: string): Promise<string> => {
    const { timeoutMs } = origin;
    const body = await fetch({ url, signal, ...(timeoutMs === undefined ? {} : { timeoutMs }) });
    return body.toString('latin1');
  };
  // The document is asked for each time: an issuer may move its keys. Where it says they are obeys the same rules.
  const uri = origin.from === 'uri' ? origin.uri : keysUriOf(await get(origin.uri), issuer);
  return get(uri);
}

/** OpenID Connect Discovery 1.0 §4.3: `issuer` "MUST be identical" to what was asked for. */
function keysUriOf(text: string, issuer: string): string {
  const document = parseDocument(text);
  if (!isClaimMap(document)) throw new FetchError('document', 'the discovery document is no object');
  const [theirs, uri] = [document.get('issuer'), document.get('jwks_uri')];
  if (typeof theirs !== 'string' || toText(theirs) !== issuer)
    throw new FetchError('document', 'the discovery document is of another issuer');
  if (typeof uri !== 'string') throw new FetchError('document', 'the discovery document has no `jwks_uri`');
  return toText(uri);
}
