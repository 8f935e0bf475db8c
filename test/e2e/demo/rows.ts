import type { HeaderLine } from '../support/headers.ts';
import type { Proof } from './remote.ts';
import type { Caller, Workload } from './shop.ts';

/** One request of the table, and what has to come of it. */
export interface Row {
  readonly who: Caller;
  /** What comes with it to show who is behind it; absent: nothing. */
  readonly token?: Person | Proof;
  readonly workload: Workload;
  /** Default GET. */
  readonly method?: string;
  readonly path: string;
  /** Default the workload's own. */
  readonly host?: string;
  readonly headers?: readonly HeaderLine[];
  /** Sent by a gRPC client. */
  readonly grpc?: true;
  readonly expected: {
    /** HTTP status; of a gRPC call the gRPC status. */
    readonly status: number;
    /** `namespace/policy rule`, or the reason when no rule decided. */
    readonly rule: string;
    /** What the answer says is wrong with the token; absent: nothing. */
    readonly flaw?: string;
    /** Why, in a few words. */
    readonly because: string;
    /** The `x-` headers that the upstream sees, sorted; absent: none. */
    readonly headers?: string;
  };
}

/** Claims by person; seconds since the epoch where time counts. */
const nowSeconds = Math.floor(Date.now() / 1000);

export const PEOPLE = {
  ann: { sub: 'ann', region: 'eu' },
  'sam (eu)': { sub: 'sam', region: 'eu' },
  'sam (us)': { sub: 'sam', region: 'us' },
  'eve, claims support': { sub: 'eve', region: 'eu', groups: ['support'] },
  'editor ed': { sub: 'ed', roles: ['catalog-editor'] },
  'fay, mfa': { sub: 'fay', groups: ['finance'], acr: 'mfa' },
  'fay, password': { sub: 'fay', groups: ['finance'], acr: 'pwd' },
  'olga, just now': { sub: 'olga', realm_access: { roles: ['operator'] }, acr: 'mfa', auth_time: nowSeconds - 60 },
  'olga, an hour ago': { sub: 'olga', realm_access: { roles: ['operator'] }, acr: 'mfa', auth_time: nowSeconds - 3600 },
} as const;

export type Person = keyof typeof PEOPLE;

const SPOOFED: readonly HeaderLine[] = [
  ['x-user', 'root'],
  ['x_user', 'root'],
  ['x-region', 'us'],
  ['x-debug', '1'],
];

const ANN = 'x-decided-by: shop/orders customers-read, x-region: eu, x-user: ann';

export const ROWS: readonly Row[] = [
  {
    who: 'gateway',
    workload: 'frontend',
    path: '/products/7?utm_source=mail&channel=app',
    expected: { status: 200, rule: 'shop/frontend pages', because: 'a page; its query is put in order' },
  },
  {
    who: 'gateway',
    workload: 'frontend',
    path: '/',
    host: 'SHOP.example.com:8443',
    expected: { status: 200, rule: 'shop/frontend pages', because: 'the same host, written in another way' },
  },
  {
    who: 'nobody',
    workload: 'frontend',
    path: '/',
    expected: { status: 403, rule: 'no_rule_matched', because: 'no certificate' },
  },
  {
    who: 'gateway',
    workload: 'frontend',
    path: '/preview/coats',
    headers: [['x-preview', 'autumn']],
    expected: { status: 200, rule: 'shop/frontend previews', because: 'knows its name', headers: 'x-preview: autumn' },
  },
  {
    who: 'gateway',
    workload: 'frontend',
    path: '/preview/coats',
    headers: [['x-preview', 'summer']],
    expected: { status: 403, rule: 'no_rule_matched', because: 'does not' },
  },
  {
    who: 'gateway',
    workload: 'frontend',
    path: '/products/7%2Freviews',
    expected: { status: 400, rule: 'malformed_path', because: 'an encoded slash' },
  },
  {
    who: 'gateway',
    workload: 'frontend',
    path: '/assets/..;/debug/heap',
    expected: { status: 400, rule: 'malformed_path', because: 'a dot segment with parameters' },
  },
  {
    who: 'gateway',
    workload: 'frontend',
    path: '/debug/heap',
    expected: { status: 403, rule: 'istio-system/no-debug-endpoints 0', because: 'DENY of the root namespace' },
  },
  {
    who: 'frontend',
    workload: 'catalog',
    path: '/products/7',
    expected: { status: 200, rule: 'shop/catalog 0', because: "a policy of Istio's own kind" },
  },
  {
    who: 'admin',
    token: 'editor ed',
    workload: 'catalog',
    method: 'PUT',
    path: '/products/7',
    expected: { status: 200, rule: 'shop/catalog 1', because: 'the DENY is a dry run' },
  },
  {
    who: 'partner',
    workload: 'catalog',
    path: '/feeds/current/all',
    expected: { status: 200, rule: 'shop/catalog-feeds feed-current', because: 'another trust domain, named' },
  },
  {
    who: 'namesake of partner',
    workload: 'catalog',
    path: '/feeds/current/all',
    expected: { status: 403, rule: 'no_rule_matched', because: 'the wrong trust domain' },
  },
  {
    who: 'partner',
    workload: 'catalog',
    path: '/feeds/2024/all',
    expected: { status: 403, rule: 'no_rule_matched', because: 'an expired window' },
  },
  {
    who: 'partner',
    workload: 'catalog',
    path: '/feeds/2099/all',
    expected: { status: 403, rule: 'no_rule_matched', because: 'a window yet to open' },
  },
  {
    who: 'frontend',
    token: 'ann',
    workload: 'orders',
    path: '/orders/7',
    expected: { status: 200, rule: 'shop/orders customers-read', because: 'token and workload', headers: ANN },
  },
  {
    who: 'frontend',
    token: 'ann',
    workload: 'orders',
    path: '/orders/7',
    headers: SPOOFED,
    expected: { status: 200, rule: 'shop/orders customers-read', because: 'spoofed headers are gone', headers: ANN },
  },
  {
    who: 'frontend',
    workload: 'orders',
    path: '/orders/7',
    expected: { status: 401, rule: 'token_required', because: 'a token would help' },
  },
  {
    who: 'frontend of partner',
    token: 'ann',
    workload: 'orders',
    path: '/orders/7',
    expected: { status: 403, rule: 'no_rule_matched', because: 'the wrong trust domain' },
  },
  {
    who: 'frontend and catalog',
    token: 'ann',
    workload: 'orders',
    path: '/orders/7',
    expected: { status: 403, rule: 'no_rule_matched', because: 'a certificate with two names' },
  },
  {
    who: 'admin',
    token: 'sam (eu)',
    workload: 'orders',
    path: '/orders/7',
    expected: {
      status: 200,
      rule: 'shop/orders support-reads',
      because: 'a group, and a claim',
      headers: 'x-on-behalf: support, x-user: sam',
    },
  },
  {
    who: 'admin',
    token: 'sam (us)',
    workload: 'orders',
    path: '/orders/7',
    expected: { status: 403, rule: 'no_rule_matched', because: 'the group, another claim' },
  },
  {
    who: 'admin',
    token: 'eve, claims support',
    workload: 'orders',
    path: '/orders/7',
    expected: { status: 403, rule: 'no_rule_matched', because: 'a claim is no group' },
  },
  {
    who: 'admin',
    workload: 'orders',
    path: '/reports/may',
    headers: SPOOFED,
    expected: {
      status: 200,
      rule: 'shop/orders reports',
      because: 'a group of workloads; x-user is owned',
      headers: 'x-debug: 1',
    },
  },
  {
    who: 'frontend',
    workload: 'orders',
    grpc: true,
    method: 'POST',
    path: '/shop.orders.v1.Orders/GetOrder',
    expected: { status: 0, rule: 'shop/orders grpc-get-order', because: 'OK' },
  },
  {
    who: 'partner',
    workload: 'orders',
    grpc: true,
    method: 'POST',
    path: '/shop.orders.v1.Orders/GetOrder',
    expected: { status: 7, rule: 'no_rule_matched', because: 'PERMISSION_DENIED' },
  },
  {
    who: 'nobody',
    workload: 'orders',
    path: '/v1/orders/7',
    expected: { status: 410, rule: 'shop/orders-retired-api v1-is-gone', because: 'a DENY in its own words' },
  },
  {
    who: 'orders',
    workload: 'payments',
    method: 'POST',
    path: '/charges',
    expected: { status: 200, rule: 'shop/payments charge', because: 'the Shadow DENY only reports' },
  },
  {
    who: 'frontend',
    workload: 'payments',
    method: 'POST',
    path: '/charges',
    expected: { status: 403, rule: 'no_rule_matched', because: 'only orders may' },
  },
  {
    who: 'admin',
    token: 'fay, mfa',
    workload: 'payments',
    method: 'POST',
    path: '/charges/9/refunds',
    expected: { status: 200, rule: 'shop/payments refund', because: 'a CEL condition holds', headers: 'x-user: fay' },
  },
  {
    who: 'admin',
    token: 'fay, password',
    workload: 'payments',
    method: 'POST',
    path: '/charges/9/refunds',
    expected: { status: 403, rule: 'no_rule_matched', because: 'it does not' },
  },
  {
    who: 'prometheus',
    workload: 'payments',
    path: '/metrics',
    expected: { status: 200, rule: 'shop/metrics 0', because: 'a policy for the whole namespace' },
  },
  {
    who: 'gateway',
    token: 'olga, just now',
    workload: 'admin',
    method: 'DELETE',
    path: '/users/9',
    expected: { status: 200, rule: 'shop/admin delete-user', because: 'a condition on time', headers: 'x-user: olga' },
  },
  {
    who: 'gateway',
    token: 'olga, an hour ago',
    workload: 'admin',
    method: 'DELETE',
    path: '/users/9',
    expected: { status: 403, rule: 'no_rule_matched', because: 'signed in too long ago' },
  },
];
