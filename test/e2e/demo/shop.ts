import { fileURLToPath } from 'node:url';

import { spiffeId, type Certificate } from '../support/certificates.ts';
import type { ListenerOptions } from '../support/envoy-config.ts';
import type { HeaderLine } from '../support/headers.ts';
import { certificateOf, serverTls } from '../support/identities.ts';
import type { ServiceOptions } from '../support/service.ts';
import { createTokenIssuer } from '../support/tokens.ts';
import { startWorld, type World } from '../support/world.ts';
import { isProof, startRemoteAccess, type Issuers, type Proof } from './remote.ts';
import { PEOPLE, type Person } from './rows.ts';

/** The samples of `policies/`: their workloads behind one Envoy, and those who call them. */
const POLICIES = fileURLToPath(new URL('../../../policies/', import.meta.url));

const SHOP = {
  frontend: 'shop.example.com',
  catalog: 'catalog.shop.example.com',
  orders: 'orders.shop.example.com',
  payments: 'payments.shop.example.com',
  admin: 'admin.shop.example.com',
} as const;

/** The platform API, by the label `env`. */
const PLATFORM = {
  staging: 'staging.platform.example.com',
  production: 'production.platform.example.com',
} as const;

const HOSTS = { ...SHOP, ...PLATFORM } as const;

export type Workload = keyof typeof HOSTS;

/** The name under which a workload is called. */
export function hostOf(workload: Workload): string {
  return HOSTS[workload];
}

/** The issuer that the policies of the shop name; Envoy verifies its tokens. */
const tokens = createTokenIssuer('https://login.example.com');

/** Who calls, by the name that the table gives it. */
const CALLERS = {
  gateway: certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'edge', 'gateway')] }),
  'remote-access': certificateOf('cluster.local', { uris: [spiffeId('cluster.local', 'edge', 'remote-access')] }),
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
function listener(workload: Workload, namespace: string, account: string): ListenerOptions {
  return {
    name: workload,
    tls: {
      ...serverTls(namespace, account),
      // With its host too: curl checks that.
      certificate: certificateOf('cluster.local', {
        uris: [spiffeId('cluster.local', namespace, account)],
        dnsNames: [hostOf(workload)],
      }),
      requireClientCertificate: false,
    },
    // As clients wrote them: that Portcullis refuses an ambiguous path is something to see.
    http: { normalizePath: false, mergeSlashes: false },
  };
}

function shopListener(workload: keyof typeof SHOP): ListenerOptions {
  return {
    ...listener(workload, 'shop', workload),
    service: 'portcullis',
    tokens,
    routes: [
      { prefix: '/', contextExtensions: { namespace: 'shop', serviceAccount: workload, 'label.app': workload } },
    ],
  };
}

/** Envoy looks at no token here: Portcullis does. */
function platformListener(env: keyof typeof PLATFORM): ListenerOptions {
  return {
    ...listener(env, 'platform', 'control'),
    service: 'remote',
    routes: [
      {
        prefix: '/',
        contextExtensions: {
          namespace: 'platform',
          serviceAccount: 'control',
          'label.app': 'control',
          'label.env': env,
        },
      },
    ],
  };
}

export interface Demo extends World<'portcullis' | 'remote'> {
  readonly issuers: Issuers;
  /** What a client sends to show who it is. */
  proofOf(token: Person | Proof): Promise<HeaderLine>;
}

export interface DemoOptions {
  /** Default the samples, where they lie. */
  readonly policies?: ServiceOptions['policies'];
}

export async function startDemo({ policies = POLICIES }: DemoOptions = {}): Promise<Demo> {
  const remote = await startRemoteAccess();
  try {
    const world = await startWorld({
      services: {
        portcullis: { policies, config: { identity: { jwtMetadata: 'envoy.filters.http.jwt_authn' } } },
        remote: remote.service,
      },
      listeners: [
        ...(Object.keys(SHOP) as (keyof typeof SHOP)[]).map(shopListener),
        ...(Object.keys(PLATFORM) as (keyof typeof PLATFORM)[]).map(platformListener),
      ],
    });
    return {
      ...world,
      issuers: remote.issuers,
      proofOf: async (token) =>
        isProof(token) ? remote.headerOf(token) : ['authorization', `Bearer ${tokens.sign(PEOPLE[token])}`],
      async stop() {
        await world.stop();
        await remote.stop();
      },
    };
  } catch (error) {
    await remote.stop();
    throw error;
  }
}
