import { fileURLToPath } from 'node:url';

import { spiffeId, type Certificate } from '../support/certificates.ts';
import type { ListenerOptions } from '../support/envoy-config.ts';
import { certificateOf, serverTls, type TrustDomain } from '../support/identities.ts';
import { createTokenIssuer } from '../support/tokens.ts';
import { startWorld, type World } from '../support/world.ts';

/** The sample shop: its workloads behind one Envoy, and those who call them. */
export const POLICIES = fileURLToPath(new URL('../../../policies/', import.meta.url));

export const WORKLOADS = ['frontend', 'catalog', 'orders', 'payments', 'admin'] as const;

export type Workload = (typeof WORKLOADS)[number];

/** The issuer that the sample policies name. */
export const tokens = createTokenIssuer('https://login.example.com');

/** A caller's certificate, by the name that the table gives it; `nobody` has none. */
export type Caller = keyof typeof callers | 'nobody';

const callers = {
  frontend: identity('cluster.local', 'shop', 'frontend'),
  orders: identity('cluster.local', 'shop', 'orders'),
} satisfies Record<string, Certificate>;

export function certificateOfCaller(caller: Caller): Certificate | null {
  return caller === 'nobody' ? null : callers[caller];
}

function identity(trustDomain: TrustDomain, namespace: string, account: string): Certificate {
  return certificateOf(trustDomain, { uris: [spiffeId(trustDomain, namespace, account)] });
}

/** Each workload is a listener that shows the workload's own certificate, as a sidecar does. */
function listener(workload: Workload): ListenerOptions {
  return {
    name: workload,
    tls: { ...serverTls('shop', workload), requireClientCertificate: false },
    tokens,
    // As clients wrote them: that Portcullis refuses an ambiguous path is what the demo shows.
    http: { normalizePath: false, mergeSlashes: false },
    routes: [
      {
        prefix: '/',
        contextExtensions: { namespace: 'shop', serviceAccount: workload, 'label.app': workload },
      },
    ],
  };
}

export function startShop(): Promise<World<'portcullis'>> {
  return startWorld({
    services: {
      portcullis: { policies: POLICIES, config: { identity: { jwtMetadata: 'envoy.filters.http.jwt_authn' } } },
    },
    listeners: WORKLOADS.map(listener),
  });
}
