/** The request of RFC 7662 §2.1, with the client's authentication. */
import type { IntrospectionProvider } from '../../policy/identity-model.ts';
import { FetchError } from '../net/fetch-error.ts';
import { isBelow } from '../net/fetch-settings.ts';
import type { Fetch } from '../net/guarded-fetch.ts';
import { readSecret } from '../net/small-file.ts';

/** An entry of the configuration's `identity.clients`. */
export type IntrospectionClient = {
  /**
   * URLs that its secret may be sent to, and what is below them. Policies name the endpoint: without this, who may
   * write one could have the secret sent to a server of their own.
   */
  readonly endpoints: readonly string[];
} & (
  | {
      /** RFC 6749 §2.3.1. */
      readonly method: 'client_secret_basic' | 'client_secret_post';
      readonly clientId: string;
      /** Read at each request. */
      readonly secretFile: string;
    }
  | { readonly method: 'bearer'; /** RFC 6750. Read at each request. */ readonly tokenFile: string }
);

/** Claims of one token; a user with hundreds of groups has some KiB. */
const MAX_RESPONSE_BYTES = 64 * 1024;

/** The answer as it came. Throws a {@link FetchError}, whose message holds neither token nor secret. */
export async function askServer(
  fetch: Fetch,
  { endpoint }: IntrospectionProvider,
  client: IntrospectionClient,
  token: string,
): Promise<string> {
  const url = URL.parse(endpoint);
  if (url === null || !client.endpoints.some((each) => isBelow(url, new URL(each))))
    throw new FetchError('url', "the endpoint is none of the client's");
  const form = new URLSearchParams({ token, token_type_hint: 'access_token' });
  const headers: Record<string, string> = {};
  if (client.method === 'bearer') {
    headers['authorization'] = `Bearer ${await readSecret(client.tokenFile, 'token of the client')}`;
  } else {
    const secret = await readSecret(client.secretFile, 'secret of the client');
    if (client.method === 'client_secret_basic') headers['authorization'] = basic(client.clientId, secret);
    else {
      form.set('client_id', client.clientId);
      form.set('client_secret', secret);
    }
  }
  const body = await fetch({ url: endpoint, headers, form, maxBytes: MAX_RESPONSE_BYTES });
  return body.toString('latin1');
}

/** Both parts are encoded as in a form before they are joined (RFC 6749 §2.3.1), so a colon in them is no separator. */
function basic(clientId: string, secret: string): string {
  const pair = [clientId, secret].map((part) => new URLSearchParams([['', part]]).toString().slice(1)).join(':');
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}
