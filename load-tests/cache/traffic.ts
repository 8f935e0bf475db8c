/**
 * Requests that the sample policies concern, of all kinds that they tell apart: callers, methods, paths, tokens;
 * allowed and denied.
 *
 * Left out is what is never kept because its policies say so: the admin pages (a condition on the clock) and the
 * retired API (its answer holds the decision's id).
 */
import type { Ask } from '../../test/extauthz/support/engine.ts';
import { FRESH_ID } from '../lib/message.ts';
import type { Random } from '../lib/random.ts';

const spiffe = (namespace: string, account: string): string => `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
const GATEWAY = spiffe('edge', 'gateway');
const FRONTEND = spiffe('shop', 'frontend');
const ORDERS = spiffe('shop', 'orders');

function workload(name: string): Ask {
  return { destinationPrincipal: spiffe('shop', name), destinationLabels: { app: name } };
}

function customer(user: number): Ask {
  return {
    claims: { iss: 'https://login.example.com', sub: `customer-${user}`, region: user % 2 === 0 ? 'eu' : 'us' },
  };
}

/** Of each family as many different requests as its numbers allow. `id` names a thing: a product, an order. */
type Family = (random: Random, id: (below: number) => string) => Ask;

const FAMILIES: readonly Family[] = [
  // The gateway asks the frontend.
  (random, id) => ({
    ...workload('frontend'),
    principal: GATEWAY,
    host: 'shop.example.com',
    method: random.pick(['GET', 'GET', 'HEAD']),
    path: `/products/p-${id(4000)}`,
  }),
  (random, id) => ({
    ...workload('frontend'),
    principal: GATEWAY,
    host: random.pick(['shop.example.com', 'www.shop.example.com']),
    path: `/assets/app-${id(300)}.js`,
  }),
  // A page that there is no rule for.
  (_random, id) => ({
    ...workload('frontend'),
    principal: GATEWAY,
    host: 'shop.example.com',
    path: `/private/${id(300)}`,
  }),
  // The frontend asks for products and orders, for whoever has signed in.
  (random, id) => ({
    ...workload('catalog'),
    principal: random.pick([FRONTEND, ORDERS]),
    path: `/products/p-${id(4000)}`,
  }),
  (random, id) => ({
    ...workload('orders'),
    ...customer(random.int(400)),
    principal: FRONTEND,
    path: `/orders/o-${id(20)}`,
  }),
  (random) => ({
    ...workload('orders'),
    ...customer(random.int(400)),
    principal: FRONTEND,
    method: random.pick(['GET', 'POST']),
    path: '/orders',
  }),
  (random) => ({
    ...workload('orders'),
    principal: FRONTEND,
    method: 'POST',
    path: random.pick(['/shop.orders.v1.Orders/GetOrder', '/shop.orders.v1.Orders/DropAll']),
  }),
  // Without a token: 401.
  (_random, id) => ({ ...workload('orders'), principal: FRONTEND, path: `/orders/o-${id(200)}` }),
  (_random, id) => ({
    ...workload('orders'),
    principal: spiffe('reports', `job-${id(20)}`),
    path: `/reports/r-${id(20)}`,
  }),
  // Orders charges, and sends pick lists.
  (random, id) => ({
    ...workload('payments'),
    principal: ORDERS,
    ...(random.chance(0.1)
      ? { method: 'POST', path: '/charges', headers: { 'idempotency-key': '1' } }
      : { path: `/charges/c-${id(600)}` }),
  }),
  (random, id) => ({
    destinationIp: '10.20.0.7',
    destinationPort: 8443,
    destinationPrincipal: spiffe('shop', 'warehouse'),
    destinationLabels: {},
    principal: ORDERS,
    method: 'PUT',
    sourceIp: `10.0.4.${1 + random.int(40)}`,
    path: `/pick-lists/l-${id(50)}`,
  }),
  // Strangers, and what nobody may.
  (random, id) => ({
    ...workload(random.pick(['frontend', 'catalog', 'orders', 'payments'])),
    principal: spiffe('other', `app-${id(50)}`),
    path: `/x/${id(10)}`,
  }),
  (random) => ({
    ...workload(random.pick(['frontend', 'catalog', 'orders', 'payments'])),
    principal: spiffe('monitoring', 'prometheus'),
    path: '/metrics',
  }),
  (random) => ({
    ...workload(random.pick(['frontend', 'catalog', 'orders', 'payments'])),
    principal: GATEWAY,
    path: random.pick(['/debug', '/debug/pprof', '/actuator/env']),
  }),
];

/** `count` requests that differ in something that the policies may read. */
export function distinctRequests(count: number, random: Random): Ask[] {
  const known = new Map<string, Ask>();
  while (known.size < count) {
    const ask = random.pick(FAMILIES)(random, (below) => String(random.int(below)));
    known.set(JSON.stringify(ask), ask);
  }
  return [...known.values()];
}

/** Requests of which each names another thing every time: `/orders/<uuid>`. Those without a thing are left out. */
export function requestsWithFreshIds(count: number, random: Random): Ask[] {
  const known = new Map<string, Ask>();
  for (let tries = 0; known.size < count && tries < 100 * count; tries++) {
    const ask = random.pick(FAMILIES)(random, () => FRESH_ID);
    // Names of accounts are few in truth, also where paths are many.
    if (!ask.path!.includes(FRESH_ID) || ask.principal!.includes(FRESH_ID)) continue;
    known.set(JSON.stringify(ask), ask);
  }
  return [...known.values()];
}

/** A request by a customer who was never seen before: its answer names them, so that no other request has the same. */
export const ONE_OFF: Ask = {
  ...workload('orders'),
  principal: FRONTEND,
  path: '/orders',
  claims: { iss: 'https://login.example.com', sub: FRESH_ID, region: 'eu' },
};
