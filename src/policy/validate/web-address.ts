/** Addresses of other services in policies: where keys and answers about tokens come from. */
import type { StringNode } from '../parse/expect.ts';
import { positionOf } from '../parse/node.ts';
import type { Context } from './value-check.ts';

/** Longer ones are not addresses of keys; RFC 9110 §4.1 asks for 8000 at least, which leaves room. */
const MAX_ADDRESS_LENGTH = 2048;

/**
 * An absolute http or https address without user information (it would be a secret in a file) and fragment. Whether
 * http may be used is the service configuration's word. Reports what is wrong; false: not usable.
 */
export function checkWebAddress(text: StringNode, { report }: Context): boolean {
  const problem = problemOf(text.value);
  if (problem === null) return true;
  report.error('bad-value', positionOf(text), `\`${text.value}\` ${problem.message}`, problem.hint);
  return false;
}

/** An issuer that has a discovery document: an address without query and fragment (OpenID Connect Discovery 1.0 §2). */
export function hasDiscovery(issuer: string): boolean {
  return !issuer.includes('?') && problemOf(issuer) === null;
}

/** OpenID Connect Discovery 1.0 §4.1: a slash at the end of the issuer is left out. */
export function discoveryAddress(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
}

function problemOf(text: string): { readonly message: string; readonly hint?: string } | null {
  const none = { message: 'is not an http or https address', hint: 'write e.g. `https://login.example.com/keys`' };
  // The URL parser mends what nobody means: blanks, `\`, a missing slash.
  if (text.length > MAX_ADDRESS_LENGTH || !/^https?:\/\/[^/\\?#\s][^\s\\]*$/i.test(text)) return none;
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null) return none;
  if (url.username !== '' || url.password !== '') {
    return { message: 'holds a user name or password', hint: 'files hold no secrets: take it out' };
  }
  return text.includes('#')
    ? { message: 'has a fragment, which is never sent', hint: 'take out `#` and the rest' }
    : null;
}
