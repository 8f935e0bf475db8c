/** Routes: which of them are not asked about, and what chooses them. */
import type { Node } from '../../policy/parse/node.ts';
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';
import { checkBody } from './ext-authz.ts';
import { typed } from './typed.ts';

export interface RouteFacts {
  /** Some request gets to an upstream. */
  readonly reachesUpstream: boolean;
  /** There are routes, and each of them only opens tunnels (CONNECT). */
  readonly isTunnel: boolean;
  /** What makes such a route. */
  readonly tunnels: readonly Part[];
  /** Clusters that routes name. */
  readonly clusters: ReadonlySet<string>;
  /** Headers and query parameters by which a route is chosen; an answer may set them. */
  readonly choosing: ReadonlySet<string>;
}

/** Of route configurations of which any may be the one that counts. */
export function joinedFacts(all: readonly RouteFacts[]): RouteFacts {
  return {
    reachesUpstream: all.some(({ reachesUpstream }) => reachesUpstream),
    isTunnel: all.every(({ isTunnel }) => isTunnel),
    tunnels: all.flatMap(({ tunnels }) => tunnels),
    clusters: new Set(all.flatMap(({ clusters }) => [...clusters])),
    choosing: new Set(all.flatMap(({ choosing }) => [...choosing])),
  };
}

export class Routes {
  readonly #filterNames: ReadonlySet<string>;
  readonly #facts: ServiceFacts;
  /** Many listeners may have one route configuration. */
  readonly #known = new Map<Node, RouteFacts>();

  /** `filterNames`: what ext_authz is called in filter chains. */
  constructor(filterNames: ReadonlySet<string>, facts: ServiceFacts) {
    this.#filterNames = filterNames;
    this.#facts = facts;
  }

  /** Reports what is wrong in a route configuration, the first time that it is met. */
  look(configuration: Part): RouteFacts {
    const { node } = configuration;
    const known = node === null ? undefined : this.#known.get(node);
    if (known !== undefined) return known;
    const facts = this.#look(configuration);
    if (node !== null) this.#known.set(node, facts);
    return facts;
  }

  #look(configuration: Part): RouteFacts {
    const clusters = new Set<string>();
    const choosing = new Set<string>();
    let reachesUpstream = configuration.at('vhds').isThere;
    let routes = 0;
    const tunnels: Part[] = [];
    if (reachesUpstream)
      configuration.at('vhds').report('not-shown', 'virtual hosts come on demand, and are not in the input');
    this.perFilter(configuration, 'all routes');
    for (const host of configuration.at('virtual_hosts').items()) {
      this.perFilter(host, `the virtual host \`${host.at('name').text() ?? ''}\``);
      if (host.at('matcher').isThere) {
        reachesUpstream = true;
        host.at('matcher').report('not-shown', 'routes inside of a matcher tree are not looked at');
      }
      for (const route of host.at('routes').items()) {
        routes++;
        const match = route.at('match');
        const isTunnel = match.at('connect_matcher').isThere;
        for (const list of ['headers', 'query_parameters']) {
          for (const each of match.at(list).items()) choosing.add(each.at('name').text() ?? '');
        }
        const leadsOn = this.route(route, clusters);
        if (leadsOn) reachesUpstream = true;
        if (leadsOn && isTunnel) tunnels.push(match.at('connect_matcher'));
      }
    }
    return { reachesUpstream, isTunnel: routes > 0 && tunnels.length === routes, tunnels, clusters, choosing };
  }

  /** One route; true when requests get to an upstream by it. */
  route(route: Part, clusters: Set<string>): boolean {
    this.perFilter(route, `the route ${matchText(route)}`);
    const action = route.at('route');
    if (!action.isThere) return route.at('filter_action').isThere;
    const weighted = action.in('weighted_clusters', 'clusters').items();
    for (const target of [action, ...weighted]) {
      const header = target.at('cluster_header');
      const name = header.text() ?? '';
      if (name !== '') header.report('cluster-by-header', `the header \`${name}\` names the upstream`);
      clusters.add(target.at(target === action ? 'cluster' : 'name').text() ?? '');
    }
    for (const name of ['cluster_specifier_plugin', 'inline_cluster_specifier_plugin']) {
      if (action.at(name).isThere) action.at(name).report('not-shown', 'an extension chooses the upstream');
    }
    for (const target of weighted) this.perFilter(target, `the cluster \`${target.at('name').text() ?? ''}\``);
    return true;
  }

  /** `typed_per_filter_config` of a route configuration, virtual host, route or weighted cluster. */
  perFilter(holder: Part, what: string): void {
    for (const [name, entry] of holder.at('typed_per_filter_config').entries()) {
      const outer = typed(entry);
      const isWrapped = outer.type.endsWith('.route.v3.FilterConfig');
      const { type, config } = isWrapped ? typed(outer.config.at('config')) : outer;
      const isOurs = /\.ext_authz\.v\w+\.ExtAuthzPerRoute$/.test(type);
      if (!isOurs && !this.#filterNames.has(name)) continue;
      const switches = [isWrapped ? outer.config.at('disabled') : null, isOurs ? config.at('disabled') : null];
      for (const disabled of switches) {
        if (disabled?.flag() === true) disabled.report('route-disabled', `requests on ${what} are not asked about`);
      }
      if (!isOurs && !isWrapped) entry.unknown('an ExtAuthzPerRoute');
      if (!isOurs) continue;
      const settings = config.at('check_settings');
      for (const service of [settings.at('grpc_service'), settings.at('http_service')]) {
        if (service.isThere) service.report('asks-another', `requests on ${what} are asked about elsewhere`);
      }
      checkBody(settings.at('with_request_body'), this.#facts);
    }
  }
}

function matchText(route: Part): string {
  const match = route.at('match');
  for (const name of ['prefix', 'path', 'path_separated_prefix']) {
    const text = match.at(name).text();
    if (text !== null) return `\`${text}\``;
  }
  const regex = match.in('safe_regex', 'regex').text();
  return regex === null ? `\`${route.at('name').text() ?? ''}\`` : `\`${regex}\``;
}
