/** The HTTP filters of a connection manager, each with its message found, wherever that is written. */
import type { Part } from '../part.ts';
import type { EnvoyConfiguration } from './configuration.ts';
import { typed } from './typed.ts';

export interface HttpFilter {
  readonly name: string;
  /** The entry of `http_filters`. */
  readonly entry: Part;
  /** Full name of the message; empty when nothing tells. */
  readonly type: string;
  readonly config: Part;
  readonly isBehindMatcher: boolean;
}

export function httpFilter(entry: Part, filters: EnvoyConfiguration['filters']): HttpFilter {
  const name = entry.at('name').text() ?? '';
  const found = messageOf(entry, name, filters);
  if (!found.type.endsWith('.ExtensionWithMatcher')) return { name, entry, ...found, isBehindMatcher: false };
  const inner = typed(found.config.in('extension_config', 'typed_config'));
  return { name, entry, ...inner, isBehindMatcher: true };
}

function messageOf(
  entry: Part,
  name: string,
  filters: EnvoyConfiguration['filters'],
): { readonly type: string; readonly config: Part } {
  const discovery = entry.at('config_discovery');
  if (!discovery.isThere) return typed(entry.at('typed_config'));
  const discovered = filters.get(name)?.at('typed_config');
  if (discovered !== undefined) return typed(discovered);
  discovery.report('not-shown', `the filter \`${name}\` comes by discovery, and is not in the input`);
  return typed(discovery.at('default_config'));
}

/** Filters that answer from what they keep: whoever asks first shares his answer with all. */
const ANSWERS = /\.http\.cache\.v3\.CacheConfig$|\.http\.cache_v2\.v3\.\w+$|\.aws_lambda\.v3\.Config$/;

/** Filters that run a program, or answer some requests by themselves. */
const MAY_ANSWER =
  /\.http\.(?:lua|wasm|ext_proc|golang|dynamic_modules|health_check|custom_response|file_server)\.v3\.\w+$/;

/** Filters that change the path or the headers that the service gets. */
const CHANGES =
  /\.http\.(?:lua|wasm|ext_proc|golang|dynamic_modules|header_mutation|grpc_json_transcoder|json_to_grpc|composite)\.v3\.\w+$/;

/** Filters around ext_authz, which is the one at `index`. */
export function checkOrder(filters: readonly HttpFilter[], index: number): void {
  for (const [at, filter] of filters.entries()) {
    if (at > index) checkBehind(filter);
    else if (at < index && isRouter(filter.type)) {
      filters[index]!.entry.report('filter-after-router', 'ext_authz stands behind the router');
    } else if (at < index) checkBefore(filter);
  }
}

/** A filter that has its turn before ext_authz. */
export function checkBefore({ name, entry, type, config }: Omit<HttpFilter, 'isBehindMatcher'>): void {
  if (ANSWERS.test(type)) {
    entry.report('answers-before-filter', `\`${name}\` stands before ext_authz, and answers by itself`);
  } else if (MAY_ANSWER.test(type) && !isHealthCheckThrough(type, config)) {
    entry.report('may-answer-before-filter', `\`${name}\` stands before ext_authz, and may answer by itself`);
  }
}

/** A filter that has its turn behind ext_authz. */
export function checkBehind({ name, entry, type, config }: Omit<HttpFilter, 'isBehindMatcher'>): void {
  if (CHANGES.test(type)) {
    entry.report('changes-after-decision', `\`${name}\` stands behind ext_authz, and may change the request`);
  }
  if (isRouter(type)) checkUpstreamFilters(config.at('upstream_http_filters'));
}

/** Filters on the way to the upstream, of the router or of a cluster: everybody has been asked by then. */
export function checkUpstreamFilters(filters: Part): void {
  for (const entry of filters.items()) {
    checkBehind({ name: entry.at('name').text() ?? '', entry, ...typed(entry.at('typed_config')) });
  }
}

function isRouter(type: string): boolean {
  return type.endsWith('.router.v3.Router');
}

/** In this mode the filter only remembers what the service itself answered. */
function isHealthCheckThrough(type: string, config: Part): boolean {
  return type.includes('.health_check.') && config.at('pass_through_mode').flag() === true;
}
