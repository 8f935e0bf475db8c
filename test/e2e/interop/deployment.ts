import { join } from 'node:path';

import { createAuthority, spiffeId } from '../support/certificates.ts';
import { accessPolicy } from '../support/policies.ts';
import { startService, type Service, type ServiceOptions } from '../support/service.ts';
import { temporaryDirectory } from '../support/temporary-directory.ts';
import { writeCertificateFiles } from '../../transport/support/certificate-files.ts';

/** The ways in which a client reaches the service. */
export const WAYS = ['tcp', 'tls', 'mtls', 'unix'] as const;
export type Way = (typeof WAYS)[number];

/** What a client needs to be let in; paths of PEM files. */
export interface ClientFiles {
  /** Of the authority that the service's certificate comes from, whose name is `localhost`. */
  readonly authority: string;
  readonly certificate: string;
  readonly key: string;
}

export interface Deployment {
  readonly way: Way;
  readonly service: Service;
  readonly client: ClientFiles;
  stop(): Promise<void>;
}

export const POLICIES = {
  'orders.yaml': accessPolicy({
    name: 'orders',
    app: 'orders',
    rules: [{ name: 'open', to: [{ operation: { paths: ['/open', '/open/*', '/grpc.health.v1.Health/*'] } }] }],
  }),
};

/** Clients that ask as fast as they can, on a busy machine, would be refused some: that is tried elsewhere. */
export const UNBOUNDED = { maxTurnMs: 60_000 };

/** The whole service with the native transport, on one way. */
export async function startDeployment(way: Way, config: ServiceOptions['config'] = {}): Promise<Deployment> {
  const directory = await temporaryDirectory();
  const authority = createAuthority('root of the control plane');
  const { certFile, keyFile, clientCaFile } = await writeCertificateFiles(directory.path, {
    ...authority.issue({ dnsNames: ['localhost'], addresses: ['127.0.0.1'] }),
    clientCa: authority.certificate,
  });
  // One pair for both ends: what a client shows only has to come from the authority.
  const client = { authority: join(directory.path, 'ca.crt'), certificate: certFile, key: keyFile };
  const tls = way === 'tls' ? { certFile, keyFile } : { certFile, keyFile, clientCaFile };
  try {
    const service = await startService({
      policies: POLICIES,
      listen: way === 'unix' ? 'unix' : 'tcp',
      config: {
        transport: 'native',
        overload: UNBOUNDED,
        ...(way === 'tls' || way === 'mtls' ? { tls } : {}),
        ...config,
      },
    });
    return {
      way,
      service,
      client,
      stop: async () => {
        await service.remove();
        await directory.remove();
      },
    };
  } catch (error) {
    await directory.remove();
    throw error;
  }
}

/** How many checks the service has answered so, by `decision/reason`; those that it never did are left out. */
export async function checksBy(service: Service): Promise<Record<string, number>> {
  const { body } = await service.admin('/metrics');
  const counts: Record<string, number> = {};
  for (const [, decision, reason, count] of body.matchAll(
    /^portcullis_checks_total\{decision="(\w+)",reason="(\w+)"\} (\d+)$/gm,
  )) {
    if (count !== '0') counts[`${decision!}/${reason!}`] = Number(count);
  }
  return counts;
}

/** Lines of the log that tell of something wrong. */
export function complaintsOf(service: Service): string[] {
  return service
    .log()
    .filter(({ level }) => level === 'warn' || level === 'error' || level === 'fatal')
    .map((entry) => JSON.stringify(entry));
}

/** Who asks in every check. */
export const CALLER = spiffeId('cluster.local', 'shop', 'web');
