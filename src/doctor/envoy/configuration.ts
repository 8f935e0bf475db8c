/** What one Envoy is configured with, gathered from a dump, a bootstrap file, or files of xDS resources. */
import type { Part } from '../part.ts';
import { typeNameOf } from './typed.ts';

export interface EnvoyConfiguration {
  /** Where what is missing as a whole is reported. */
  readonly root: Part;
  readonly node: Part | null;
  readonly admin: Part | null;
  readonly listeners: readonly Part[];
  /** Route configurations by name. */
  readonly routes: ReadonlyMap<string, Part>;
  readonly clusters: ReadonlyMap<string, Part>;
  /** ClusterLoadAssignments by the name of their cluster. */
  readonly endpoints: ReadonlyMap<string, Part>;
  /** Filters that are configured by discovery, by name: TypedExtensionConfig. */
  readonly filters: ReadonlyMap<string, Part>;
  /** Listeners, routes or clusters may come from elsewhere, so that what is not here need not be missing. */
  readonly isPartial: boolean;
  /** A sidecar or gateway of Istio. */
  readonly isIstio: boolean;
}

class Gathering {
  readonly listeners: Part[] = [];
  readonly routes = new Map<string, Part>();
  readonly clusters = new Map<string, Part>();
  readonly endpoints = new Map<string, Part>();
  readonly filters = new Map<string, Part>();
  node: Part | null = null;
  admin: Part | null = null;

  /** A resource by its type, which an `Any` names. */
  resource(part: Part): void {
    const type = typeNameOf(part);
    if (type.endsWith('.Listener')) this.listeners.push(part);
    else if (type.endsWith('.RouteConfiguration')) named(this.routes, part, 'name');
    else if (type.endsWith('.Cluster')) named(this.clusters, part, 'name');
    else if (type.endsWith('.ClusterLoadAssignment')) named(this.endpoints, part, 'cluster_name');
    else if (type.endsWith('.TypedExtensionConfig')) named(this.filters, part, 'name');
  }

  bootstrap(part: Part): void {
    const fixed = part.at('static_resources');
    this.node ??= existing(part.at('node'));
    this.admin ??= existing(part.at('admin'));
    this.listeners.push(...fixed.at('listeners').items());
    for (const cluster of fixed.at('clusters').items()) named(this.clusters, cluster, 'name');
  }

  done(root: Part, isPartial: boolean): EnvoyConfiguration {
    const isIstio = this.node?.in('metadata', 'ISTIO_VERSION').isThere === true;
    const { listeners, routes, clusters, endpoints, filters, node, admin } = this;
    return { root, node, admin, listeners, routes, clusters, endpoints, filters, isPartial, isIstio };
  }
}

/** From bootstrap files and files of resources that belong together. */
export function fromFiles(bootstrap: Part | null, resources: readonly Part[]): EnvoyConfiguration {
  const gathering = new Gathering();
  if (bootstrap !== null) gathering.bootstrap(bootstrap);
  for (const resource of resources) gathering.resource(resource);
  const isPartial = bootstrap === null || bootstrap.at('dynamic_resources').isThere;
  return gathering.done(bootstrap ?? resources[0]!, isPartial);
}

/** From the answer of `/config_dump`, with `?include_eds`, `?resource=…` or without. */
export function fromDump(root: Part): EnvoyConfiguration {
  const gathering = new Gathering();
  let bootstrap: Part | null = null;
  for (const config of root.at('configs').items()) {
    const type = typeNameOf(config);
    if (type.endsWith('.BootstrapConfigDump')) bootstrap = config.at('bootstrap');
    else if (/ConfigDump\.\w+$/.test(type)) state(gathering, config);
    else if (type.endsWith('ConfigDump')) {
      for (const list of STATE_LISTS) for (const item of config.at(list).items()) state(gathering, item);
    } else gathering.resource(config);
  }
  if (bootstrap !== null) {
    gathering.node = existing(bootstrap.at('node'));
    gathering.admin = existing(bootstrap.at('admin'));
    // A dump of parts (`?resource=`) may have the bootstrap alone.
    if (gathering.listeners.length === 0) gathering.bootstrap(bootstrap);
  }
  return gathering.done(root, false);
}

const STATE_LISTS = [
  'static_listeners',
  'dynamic_listeners',
  'static_route_configs',
  'dynamic_route_configs',
  'static_clusters',
  'dynamic_active_clusters',
  'dynamic_warming_clusters',
  'static_endpoint_configs',
  'dynamic_endpoint_configs',
  'ecds_filters',
];

const RESOURCE_FIELDS = ['listener', 'route_config', 'cluster', 'endpoint_config', 'ecds_filter'];

/** One entry of a dump: what is in force, what comes next, and what was refused. */
function state(gathering: Gathering, entry: Part): void {
  for (const holder of [entry, entry.at('active_state'), entry.at('warming_state')]) {
    for (const field of RESOURCE_FIELDS) {
      const resource = holder.at(field);
      if (resource.isThere) gathering.resource(resource);
    }
  }
  const refused = entry.at('error_state');
  const details = refused.at('details').text();
  if (details !== null) refused.report('update-refused', `Envoy refused an update: ${details.slice(0, MAX_DETAILS)}`);
}

/** Envoy quotes the whole resource at times. */
const MAX_DETAILS = 200;

function named(map: Map<string, Part>, part: Part, field: string): void {
  const name = part.at(field).text() ?? '';
  if (!map.has(name)) map.set(name, part);
}

function existing(part: Part): Part | null {
  return part.isThere ? part : null;
}
