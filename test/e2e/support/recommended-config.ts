import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

/** Envoy configuration as protobuf JSON; Envoy itself checks it, so nothing here types it further. */
export type Json = Record<string, unknown>;

/** `deploy/envoy/envoy.yaml`, what the project tells people to run. */
export const RECOMMENDED_CONFIG_FILE = fileURLToPath(new URL('../../../deploy/envoy/envoy.yaml', import.meta.url));

interface BootstrapShape {
  readonly static_resources: {
    readonly listeners: readonly [
      {
        readonly filter_chains: readonly [
          { readonly filters: readonly [{ readonly typed_config: { readonly http_filters: readonly FilterShape[] } }] },
        ];
      },
    ];
  };
}

interface FilterShape {
  readonly name: string;
  readonly typed_config: Json;
}

/** A fresh copy of a filter's settings as recommended: the tests run what the documentation shows. */
export function recommendedFilter(name: string): Json {
  const bootstrap = parse(readFileSync(RECOMMENDED_CONFIG_FILE, 'utf8')) as BootstrapShape;
  const manager = bootstrap.static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
  const filter = manager.http_filters.find((candidate) => candidate.name === name);
  if (filter === undefined) {
    throw new Error(`${RECOMMENDED_CONFIG_FILE} has no filter ${name}`);
  }
  return filter.typed_config;
}
