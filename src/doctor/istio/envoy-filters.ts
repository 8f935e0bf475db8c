/** EnvoyFilters: what they change in the filter chains that Istio makes. */
import { checkConnectionManager } from '../envoy/connection-manager.ts';
import { EXT_AUTHZ } from '../envoy/check.ts';
import { checkShare } from '../envoy/asking.ts';
import { fromFiles } from '../envoy/configuration.ts';
import { checkExtAuthz } from '../envoy/ext-authz.ts';
import { checkBefore, checkBehind } from '../envoy/http-filters.ts';
import { checkManager, managersOf } from '../envoy/listeners.ts';
import { checkQuestion } from '../envoy/question.ts';
import { Routes } from '../envoy/routes.ts';
import { isConnectionManager, isExtAuthz, typed } from '../envoy/typed.ts';
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';
import type { EnvoyPatch } from './objects.ts';

/** Whether a patch puts a whole ext_authz filter where there was none. */
export function insertsExtAuthz(patch: EnvoyPatch): boolean {
  return (
    patch.applyTo === 'HTTP_FILTER' && /^(?:INSERT|ADD|REPLACE)/.test(patch.operation) && extAuthzOf(patch) !== null
  );
}

export function checkPatch(patch: EnvoyPatch, facts: ServiceFacts): void {
  const { applyTo, operation, value, part, subFilter } = patch;
  if (operation === 'REMOVE') {
    if (applyTo === 'HTTP_FILTER' && (subFilter === EXT_AUTHZ || subFilter === '')) {
      part.report('filter-removed', `the patch removes ${subFilter === '' ? 'every HTTP filter' : `\`${subFilter}\``}`);
    }
    return;
  }
  if (!value.isMap) return;
  const routes = new Routes(new Set([EXT_AUTHZ]), facts);
  switch (applyTo) {
    case 'HTTP_FILTER':
      checkFilterPatch(patch, facts);
      return;
    case 'LISTENER': {
      if (operation !== 'ADD') return;
      const alone = fromFiles(null, [value]);
      for (const manager of managersOf(value, alone)) checkManager(manager, alone, routes, facts);
      return;
    }
    case 'NETWORK_FILTER': {
      const { type, config } = typed(value.at('typed_config'));
      if (!isConnectionManager(type)) return;
      checkConnectionManager(config, { isWhole: false, isIstio: true, facts });
      for (const [field] of config.entries()) if (field === 'route_config') routes.look(config.at(field));
      return;
    }
    case 'ROUTE_CONFIGURATION':
    case 'VIRTUAL_HOST':
      routes.perFilter(value, 'all routes that the patch is for');
      for (const route of value.at('routes').items()) routes.route(route, new Set());
      return;
    case 'HTTP_ROUTE':
      routes.route(value, new Set());
      return;
    default:
  }
}

/** The filter that a patch inserts or merges, or null. */
export function extAuthzOf({ value }: EnvoyPatch): Part | null {
  if (!value.isMap) return null;
  const { type, config } = typed(value.at('typed_config'));
  return isExtAuthz(type) && config.isThere ? config : null;
}

function checkFilterPatch(patch: EnvoyPatch, facts: ServiceFacts): void {
  const config = extAuthzOf(patch);
  const disabled = patch.value.at('disabled');
  if (disabled.flag() === true && (config !== null || patch.subFilter === EXT_AUTHZ)) {
    disabled.report('filter-disabled', 'the filter is off unless a route switches it on');
  }
  if (config === null) {
    checkInserted(patch);
    return;
  }
  if (insertsExtAuthz(patch)) {
    checkExtAuthz(config, facts);
    checkQuestion({ place: config, layers: [], hasTls: true, hasCertificates: true });
  } else {
    // What Istio made counts for all that a merge does not say: those faults are the provider's (check.ts).
    checkExtAuthz(config, facts, false);
  }
  checkShare(config);
  const metadata = config.at('filter_enabled_metadata');
  if (metadata.isThere) metadata.report('asks-by-metadata', 'the filter asks only where metadata says so');
  const clears = config.at('clear_route_cache');
  if (clears.flag() === true) clears.report('route-cache-cleared', 'the route is chosen again after the decision');
}

/** Another filter, before ext_authz or behind it. */
function checkInserted({ operation, value, subFilter, context }: EnvoyPatch): void {
  if (context === 'SIDECAR_OUTBOUND') return;
  const filter = { name: value.at('name').text() ?? '', entry: value, ...typed(value.at('typed_config')) };
  const isAtQuestion = subFilter === EXT_AUTHZ;
  if (operation === 'INSERT_FIRST' || (operation === 'INSERT_BEFORE' && isAtQuestion)) checkBefore(filter);
  // The router is the last one, and Istio asks first: whatever has its place by another filter is behind the question.
  else if (operation === 'ADD' || operation === 'INSERT_BEFORE' || operation === 'INSERT_AFTER') checkBehind(filter);
}
