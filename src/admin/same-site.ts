/**
 * The defence against pages of other sites: a browser sends what they ask for, with the client certificate or from this
 * machine, and says of it whose page it was.
 */
import type { IncomingHttpHeaders } from 'node:http';

/**
 * False: a browser says that a page of another site asks. Fetch Metadata §2.4 (`none`: a person typed the address), and
 * `Origin` for those without it, which is to be that of the address that was asked for. Programs send neither.
 */
export function isSameSite(headers: IncomingHttpHeaders, secure: boolean): boolean {
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false;
  const { origin, host } = headers;
  if (origin === undefined) return true;
  return origin === `${secure ? 'https' : 'http'}://${host ?? ''}`;
}
