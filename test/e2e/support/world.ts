import { startEnvoy, type Envoy } from './envoy.ts';
import type { EnvoyOptions, ListenerOptions, ServiceEndpoint } from './envoy-config.ts';
import { startService, type Service, type ServiceOptions } from './service.ts';
import { startUpstream, type Upstream } from './upstream.ts';

export interface WorldOptions<Name extends string> {
  readonly services: Readonly<Record<Name, WorldService>>;
  readonly listeners: readonly ListenerOptions[];
  readonly nodeLabels?: EnvoyOptions['nodeLabels'];
  readonly traces?: EnvoyOptions['traces'];
}

export interface WorldService extends ServiceOptions {
  /** How Envoy speaks to it; absent: plaintext. */
  readonly clientTls?: ServiceEndpoint['tls'];
}

/** Services, one Envoy whose listeners ask them, one upstream behind. */
export interface World<Name extends string = string> {
  readonly services: Readonly<Record<Name, Service>>;
  readonly envoy: Envoy;
  readonly upstream: Upstream;
  stop(): Promise<void>;
}

/** Starts all of it, and leaves nothing behind when a part does not come up. */
export async function startWorld<Name extends string>(options: WorldOptions<Name>): Promise<World<Name>> {
  const started: { stop: () => Promise<unknown> }[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(started.splice(0).map((part) => part.stop()));
  };
  try {
    const upstream = await startUpstream();
    started.push(upstream);
    const names = Object.keys(options.services) as Name[];
    // One after the other: on two cores side by side is no faster, and each would take longer than its own bound.
    const services: [Name, Service][] = [];
    for (const name of names) {
      const service = await startService(options.services[name]);
      started.push({ stop: () => service.remove() });
      services.push([name, service]);
    }
    const envoy = await startEnvoy({
      listeners: options.listeners,
      services: Object.fromEntries(
        services.map(([name, service]): [string, ServiceEndpoint] => {
          const tls = options.services[name].clientTls;
          return [name, { address: service.address, ...(tls === undefined ? {} : { tls }) }];
        }),
      ),
      upstream: upstream.ports,
      ...(options.nodeLabels === undefined ? {} : { nodeLabels: options.nodeLabels }),
      ...(options.traces === undefined ? {} : { traces: options.traces }),
    });
    started.push(envoy);
    return { services: Object.fromEntries(services) as Record<Name, Service>, envoy, upstream, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
