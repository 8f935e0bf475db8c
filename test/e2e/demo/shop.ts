import { fileURLToPath } from 'node:url';

import { spiffeId, type Certificate } from '../support/certificates.ts';
import type { ListenerOptions } from '../support/envoy-config.ts';
import { certificateOf, serverTls } from '../support/identities.ts';
import { createTokenIssuer } from '../support/tokens.ts';
import { startWorld, type World } from '../support/world.ts';

/** The sample shop of `policies/`: its workloads behind one Envoy, and those who call them. */
const POLICIES = fileURLToPath(new URL('../../../policies/', import.meta.url));

const HOSTS = {
  frontend: 'shop.example.com',
  catalog: 'catalog.shop.example.com',
  orders: 'orders.shop.example.com',
  payments: 'payments.shop.example.com',
  admin: 'admin.shop.example.com',
} as const;

export type Workload = keyof typeof HOSTS;

/** The name under which a workload is called. */
export function hostOf(workload: Workload): string {
  return HOSTS[workload];
}

/** The issuer that the sample policies name. */
export const tokens = createTokenIssuer('https://login.example.com');

/** Who calls, by the name that the table gives it. */
const CALLERS = {
  gateway: certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'edge', 'gateway')] }),
  frontend: certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'shop', 'frontend')] }),
  orders: certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'shop', 'orders')] }),
  admin: certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'shop', 'admin')] }),
  prometheus: certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'monitoring', 'prometheus')] }),
  partner: certificateOf('partner.example', { uris: [spiffeId('partner.example', 'feeds', 'sync')] }),
  'namesake of partner': certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'feeds', 'sync')] }),
  'frontend of partner': certificateOf('partner.example', { uris: [spiffeId('partner.example', 'shop', 'frontend')] }),
  'frontend and catalog': certificateOf('cluster.local', {
    uris: [spiffeId('cluster.local', 'shop', 'frontend'), spiffeId('cluster.local', 'shop', 'catalog')],
  }),
  nobody: null,
} satisfies Record<string, Certificate | null>;

export type Caller = keyof typeof CALLERS;

/** null: a caller without a certificate. */
export function certificateOfCaller(caller: Caller): Certificate | null {
  return CALLERS[caller];
}

/** Each workload is a listener that shows the workload's own certificate, as a sidecar does. */
function listener(workload: Workload): ListenerOptions {
  return {
    name: workload,
    tls: {
      ...serverTls('shop', workload),
      // With its host too: curl checks that.
      certificate: certificateOf('cluster.local', {
        uris: [spiffeId('cluster.local', 'shop', workload)],
        dnsNames: [hostOf(workload)],
      }),
      requireClientCertificate: false,
    },
    tokens,
    // As clients wrote them: that Portcullis refuses an ambiguous path is something to see.
    http: { normalizePath: false, mergeSlashes: false },
    routes: [
      { prefix: '/', contextExtensions: { namespace: 'shop', serviceAccount: workload, 'label.app': workload } },
    ],
  };
}

export function startShop(): Promise<World<'portcullis'>> {
  return startWorld({
    services: {
      portcullis: { policies: POLICIES, config: { identity: { jwtMetadata: 'envoy.filters.http.jwt_authn' } } },
    },
    listeners: (Object.keys(HOSTS) as Workload[]).map(listener),
  });
}
