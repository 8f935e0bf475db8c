import { encodeCheckRequest } from '../../extauthz/support/messages.ts';
import { CALLER } from './deployment.ts';

/** One question to the service, and what it has to answer. */
export interface Check {
  readonly path: string;
  /** As the service counts it (deployment.ts, `checksBy`). */
  readonly counted: string;
  /** The value of `decision` in the answer. */
  readonly decision: 'allow' | 'deny';
}

export const CHECKS: readonly Check[] = [
  { path: '/open/door', counted: 'allow/allow_rule', decision: 'allow' },
  { path: '/closed', counted: 'deny/no_rule_matched', decision: 'deny' },
  { path: '/open/%2e%2e/closed', counted: 'deny/malformed_path', decision: 'deny' },
  // Larger than a frame.
  { path: `/open/${'long/'.repeat(5_000)}`, counted: 'allow/allow_rule', decision: 'allow' },
];

/** The CheckRequest, with the names of protobuf's JSON form. */
export function checkRequestOf({ path }: Check) {
  return {
    attributes: {
      source: { principal: CALLER },
      request: {
        http: { method: 'GET', path, host: 'orders', scheme: 'http', protocol: 'HTTP/1.1', headers: { ':path': path } },
      },
      contextExtensions: { namespace: 'shop', 'label.app': 'orders' },
    },
  };
}

/** Its bytes. */
export function messageOf(check: Check): Buffer {
  return encodeCheckRequest(checkRequestOf(check).attributes);
}
