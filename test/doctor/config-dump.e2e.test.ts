/** Dumps of the real Envoy: it leaves out what is as by default, sorts, and writes everything twice. */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access --
   configurations are changed here as plain data: no types of Envoy and Istio are at hand */
import { describe, expect, it } from '@jest/globals';
import type { FaultCode } from '../../src/doctor/codes.ts';
import { dumpsOf } from './running-envoy.ts';
import { look } from './support.ts';
import type { Change } from './support.ts';

const TIMEOUT_MS = 60_000;

const REMOTE = { socket_address: { address: '192.0.2.7', port_value: 9191 } };

const BAD: readonly (readonly [what: string, change: Change, faults: readonly FaultCode[]])[] = [
  [
    'lets pass what gets no answer, and what is on one route',
    ({ filter, host }) => {
      filter.failure_mode_allow = true;
      host.routes.unshift({
        match: { prefix: '/public' },
        route: { cluster: 'orders' },
        typed_per_filter_config: {
          'envoy.filters.http.ext_authz': {
            '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
            disabled: true,
          },
        },
      });
    },
    ['fail-open', 'route-disabled'],
  ],
  [
    'has a second listener, without the filter',
    ({ bootstrap, listener }) => {
      const second = structuredClone(listener);
      second.name = 'back-door';
      second.filter_chains[0].filters[0].typed_config.http_filters.splice(0, 2);
      bootstrap.static_resources.listeners.push(second);
    },
    ['listener-without-filter'],
  ],
  [
    'asks about some, without what rules read',
    ({ filter }) => {
      filter.filter_enabled = { default_value: { numerator: 50, denominator: 'HUNDRED' } };
      filter.include_peer_certificate = false;
      filter.encode_raw_headers = false;
      filter.disallowed_headers = { patterns: [{ exact: 'authorization' }] };
    },
    ['asks-a-share', 'certificate-missing', 'headers-hidden', 'raw-headers-missing'],
  ],
  [
    'lets answers choose routes, and clients name themselves',
    ({ filter, host, manager }) => {
      filter.clear_route_cache = true;
      manager.forward_client_cert_details = 'ALWAYS_FORWARD_ONLY';
      delete manager.normalize_path;
      delete manager.common_http_protocol_options;
      const headers = [{ name: 'x-tier', string_match: { exact: 'gold' } }];
      host.routes.unshift({ match: { prefix: '/', headers }, route: { cluster: 'orders' } });
    },
    ['answers-choose-routes', 'path-not-normalized', 'underscores-allowed', 'xfcc-from-client'],
  ],
  [
    'asks somebody far away in plaintext, and waits',
    ({ filter, cluster }) => {
      filter.grpc_service.timeout = '600s';
      cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address = REMOTE;
      cluster.circuit_breakers = { thresholds: [{ max_requests: 8 }] };
    },
    ['breaker-small', 'question-in-plaintext', 'timeout-endless'],
  ],
  [
    'has a scope of routes that nobody is asked about',
    ({ manager }) => {
      const open = structuredClone(manager.route_config);
      open.name = 'open';
      open.virtual_hosts[0].typed_per_filter_config = {
        'envoy.filters.http.ext_authz': {
          '@type': 'type.googleapis.com/envoy.config.route.v3.FilterConfig',
          disabled: true,
        },
      };
      const scopes = [manager.route_config, open].map((route_configuration, i) => ({
        name: `scope-${i}`,
        route_configuration,
        key: { fragments: [{ string_key: `${i}` }] },
      }));
      delete manager.route_config;
      manager.scoped_routes = {
        name: 'scopes',
        scope_key_builder: {
          fragments: [{ header_value_extractor: { name: 'x-scope', element_separator: ',', index: 0 } }],
        },
        scoped_route_configurations_list: { scoped_route_configurations: scopes },
      };
    },
    ['route-disabled'],
  ],
  [
    'opens tunnels, and changes what was decided on',
    ({ bootstrap, host, manager }) => {
      manager.upgrade_configs = [{ upgrade_type: 'CONNECT' }];
      host.routes.unshift({
        match: { connect_matcher: {} },
        route: { cluster: 'orders', upgrade_configs: [{ upgrade_type: 'CONNECT', connect_config: {} }] },
      });
      const filter = (name: string, type: string, fields: object = {}): object => ({
        name,
        typed_config: { '@type': `type.googleapis.com/envoy.extensions.filters.http.${type}`, ...fields },
      });
      const append = { header: { key: 'x-user', value: 'root' } };
      const mutations = { mutations: { request_mutations: [{ append }] } };
      const options = 'envoy.extensions.upstreams.http.v3.HttpProtocolOptions';
      bootstrap.static_resources.clusters[1].typed_extension_protocol_options = {
        [options]: {
          '@type': `type.googleapis.com/${options}`,
          explicit_http_config: { http_protocol_options: {} },
          http_filters: [
            filter('mutate', 'header_mutation.v3.HeaderMutation', mutations),
            filter('codec', 'upstream_codec.v3.UpstreamCodec'),
          ],
        },
      };
    },
    ['changes-after-decision', 'tunnel-unseen'],
  ],
];

describe('dumps of a running Envoy', () => {
  it(
    'of the recommended configuration have no fault',
    async () => {
      const { plain, withEndpoints } = await dumpsOf(() => null);
      expect(look(plain)).toEqual({ findings: [], problems: [] });
      expect(look(withEndpoints)).toEqual({ findings: [], problems: [] });
    },
    TIMEOUT_MS,
  );

  it.each(BAD)(
    'tell that it %s',
    async (_what, change, faults) => {
      const { plain, withEndpoints } = await dumpsOf(change);
      for (const dump of [plain, withEndpoints]) {
        const { findings, problems } = look(dump);
        expect(problems).toEqual([]);
        expect(findings.map(({ code }) => code).sort()).toEqual(faults);
      }
    },
    TIMEOUT_MS,
  );
});
