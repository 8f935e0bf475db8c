/** What is taken for input, and what is said of the rest. */
/* eslint-disable @typescript-eslint/no-unsafe-argument, @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return --
   configurations are changed here as plain data: no types of Envoy and Istio are at hand */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse, stringify } from 'yaml';
import { changedEnvoy, changedIstio, found, look } from './support.ts';
import type { Change, Loose } from './support.ts';

const ROOT = join(import.meta.dirname, '../..');
const ENVOY_FILE = join(ROOT, 'deploy/envoy/envoy.yaml');
const envoyText = readFileSync(ENVOY_FILE, 'utf8');

const file = (path: string, text: string) => [{ path, text }];

/** As `/config_dump` gives it, of the recommended configuration. */
function dump(
  change: (parts: { listeners: Loose; clusters: Loose; configs: Loose[] }) => unknown = () => null,
): string {
  const { static_resources: fixed } = JSON.parse(changedEnvoy());
  const [listener] = fixed.listeners;
  const listeners: Loose = {
    '@type': 'type.googleapis.com/envoy.admin.v3.ListenersConfigDump',
    dynamic_listeners: [
      {
        name: 'inbound',
        active_state: { listener: { '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener', ...listener } },
      },
    ],
  };
  const clusters: Loose = {
    '@type': 'type.googleapis.com/envoy.admin.v3.ClustersConfigDump',
    dynamic_active_clusters: fixed.clusters.map((cluster: Loose) => ({
      cluster: { '@type': 'type.googleapis.com/envoy.config.cluster.v3.Cluster', ...cluster },
    })),
  };
  const configs = [
    { '@type': 'type.googleapis.com/envoy.admin.v3.BootstrapConfigDump', bootstrap: {} },
    listeners,
    clusters,
  ];
  change({ listeners, clusters, configs });
  return JSON.stringify({ configs });
}

describe('the place of a finding', () => {
  it('is line and column in YAML as people wrote it', () => {
    const text = envoyText.replace('failure_mode_allow: false', 'failure_mode_allow: true');
    const { findings } = look(file('envoy.yaml', text));
    const line = text.split('\n').findIndex((each) => each.includes('failure_mode_allow')) + 1;
    expect(findings).toMatchObject([{ code: 'fail-open', position: { file: 'envoy.yaml', line, column: 23 } }]);
  });

  it('is where the message begins when a field is missing in it', () => {
    const text = envoyText.replace('encode_raw_headers: true', '');
    const { findings } = look(file('envoy.yaml', text));
    const line = text.split('\n').findIndex((each) => each.includes('v3.ExtAuthz')) + 1;
    expect(findings).toMatchObject([{ code: 'raw-headers-missing', position: { line: line - 1, column: 21 } }]);
  });

  it('is in the lines of a ConfigMap that holds the file', () => {
    const text = [
      'apiVersion: v1',
      'kind: ConfigMap',
      'metadata: { name: istio, namespace: istio-system }',
      'data:',
      '  mesh: |-',
      '    rootNamespace: istio-system',
      '    extensionProviders:',
      '      - name: portcullis',
      '        envoyExtAuthzGrpc:',
      '          service: portcullis',
      '          port: 9191',
      '          timeout: 0.2s',
      "          statusOnError: '503'",
      '          failOpen: true',
      '',
    ].join('\n');
    const { findings } = look(file('istio.yaml', text));
    expect(findings.find(({ code }) => code === 'fail-open')).toMatchObject({
      position: { file: 'istio.yaml', line: 14, column: 11 },
      path: 'data.mesh:.extensionProviders[0].envoyExtAuthzGrpc.failOpen',
    });
  });
});

describe('a config dump', () => {
  it('is looked at like the files that it comes from', () => {
    expect(found(dump())).toEqual([]);
    const open = dump(({ listeners }) => {
      const [{ active_state: state }] = listeners.dynamic_listeners;
      const { http_filters: filters } = state.listener.filter_chains[0].filters[0].typed_config;
      filters[1].typed_config.failure_mode_allow = true;
    });
    expect(found(open)).toEqual([
      'fail-open configs[1].dynamic_listeners[0].active_state.listener.filter_chains[0].filters[0].typed_config.http_filters[1].typed_config.failure_mode_allow',
    ]);
  });

  it('of some resources only is looked at as far as it goes', () => {
    const [type, name] = ['type.googleapis.com/envoy.admin.v3.ListenersConfigDump.DynamicListener', 'inbound'];
    const part = dump(({ listeners, configs }) => {
      const [{ active_state }] = listeners.dynamic_listeners;
      configs.splice(0, 3, { '@type': type, name, active_state });
    });
    expect(found(part)).toEqual([
      'unknown-cluster configs[0].active_state.listener.filter_chains[0].filters[0].typed_config.http_filters[1].typed_config.grpc_service.envoy_grpc.cluster_name',
    ]);
  });

  it('tells what Envoy refused to take over', () => {
    const refused = dump(({ listeners }) => {
      listeners.dynamic_listeners[0].error_state = { details: 'no such field', last_update_attempt: '2026-01-01' };
    });
    expect(found(refused)).toEqual(['update-refused configs[1].dynamic_listeners[0].error_state']);
  });

  it('has routes and endpoints of their own', () => {
    const apart = (disabled: boolean): string =>
      dump(({ listeners, clusters, configs }) => {
        const manager = listeners.dynamic_listeners[0].active_state.listener.filter_chains[0].filters[0].typed_config;
        const { route_config: routes } = manager;
        delete manager.route_config;
        manager.rds = { route_config_name: 'all' };
        const [{ cluster }] = clusters.dynamic_active_clusters;
        const { load_assignment: assignment } = cluster;
        delete cluster.load_assignment;
        cluster.type = 'EDS';
        if (disabled) {
          routes.typed_per_filter_config = {
            'envoy.filters.http.ext_authz': {
              '@type': 'type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute',
              disabled: true,
            },
          };
        }
        const route_config = { '@type': 'x/envoy.config.route.v3.RouteConfiguration', ...routes, name: 'all' };
        const endpoint_config = { '@type': 'x/envoy.config.endpoint.v3.ClusterLoadAssignment', ...assignment };
        configs.push(
          { '@type': 'x/envoy.admin.v3.RoutesConfigDump', dynamic_route_configs: [{ route_config }] },
          { '@type': 'x/envoy.admin.v3.EndpointsConfigDump', dynamic_endpoint_configs: [{ endpoint_config }] },
        );
      });
    expect(found(apart(false))).toEqual([]);
    expect(found(apart(true))).toEqual([
      'route-disabled configs[3].dynamic_route_configs[0].route_config.typed_per_filter_config["envoy.filters.http.ext_authz"].disabled',
    ]);
  });

  it('has filters that came by discovery', () => {
    const discovered = (isShown: boolean): string =>
      dump(({ listeners, configs }) => {
        const { http_filters: filters } =
          listeners.dynamic_listeners[0].active_state.listener.filter_chains[0].filters[0].typed_config;
        const { name, typed_config: config } = filters[1];
        filters[1] = { name, config_discovery: { config_source: { ads: {} }, type_urls: [config['@type']] } };
        if (!isShown) return;
        const filter = { '@type': 'x/envoy.config.core.v3.TypedExtensionConfig', name, typed_config: config };
        configs.push({ '@type': 'x/envoy.admin.v3.EcdsConfigDump', ecds_filters: [{ ecds_filter: filter }] });
      });
    expect(found(discovered(true))).toEqual([]);
    expect(found(discovered(false)).sort()).toEqual([
      'no-ext-authz ',
      'not-shown configs[1].dynamic_listeners[0].active_state.listener.filter_chains[0].filters[0].typed_config.http_filters[1].config_discovery',
    ]);
  });
});

describe('a sidecar of Istio', () => {
  const sidecar = (marks: Loose): string =>
    changedEnvoy(({ bootstrap, manager, filter, listener }) => {
      bootstrap.node = { metadata: { ISTIO_VERSION: '1.30.4' } };
      manager.forward_client_cert_details = 'APPEND_FORWARD';
      manager.http_filters.splice(1, 0, {
        name: 'envoy.filters.http.rbac',
        typed_config: {
          '@type': 'type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC',
          shadow_rules: { action: 'DENY', policies: { 'istio-ext-authz-ns[a]-policy[b]-rule[0]': marks } },
          shadow_rules_stat_prefix: 'istio_ext_authz_',
        },
      });
      filter.filter_enabled_metadata = {
        filter: 'envoy.filters.http.rbac',
        path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }],
        value: { string_match: { prefix: 'istio-ext-authz' } },
      };
      const metrics = structuredClone(listener);
      metrics.name = 'metrics';
      const own = metrics.filter_chains[0].filters[0].typed_config;
      own.http_filters = [own.http_filters.at(-1)];
      own.route_config.virtual_hosts[0].routes[0].route.cluster = 'prometheus_stats';
      bootstrap.static_resources.listeners.push(metrics);
    });

  it('asks about all that a CUSTOM policy marks, and has listeners of its own', () => {
    const any = {
      permissions: [{ and_rules: { rules: [{ any: true }] } }],
      principals: [{ and_ids: { ids: [{ any: true }] } }],
    };
    expect(found(sidecar(any))).toEqual([
      'not-examined static_resources.listeners[1].filter_chains[0].filters[0].typed_config',
    ]);
  });

  it('asks about some when the policy names some', () => {
    const some = {
      permissions: [{ and_rules: { rules: [{ url_path: { path: { prefix: '/admin' } } }] } }],
      principals: [{ any: true }],
    };
    expect(found(sidecar(some))).toContain(
      'asks-by-metadata static_resources.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[2].typed_config.filter_enabled_metadata',
    );
  });
});

describe('a listener without certificates of callers', () => {
  it('has none to send, and a server name where there is TLS', () => {
    const without = (change: Change): string =>
      changedEnvoy((parts) => {
        delete parts.filter.include_peer_certificate;
        delete parts.filter.include_tls_session;
        change(parts);
      });
    const oneSided = without(({ chain }) => {
      const { typed_config: context } = chain.transport_socket;
      delete context.require_client_certificate;
      delete context.common_tls_context.validation_context;
    });
    const codes = (text: string): string[] => look(text).findings.map(({ code }) => code);
    expect(codes(oneSided)).toEqual(['tls-session-missing']);
    expect(codes(without(({ chain }) => delete chain.transport_socket))).toEqual([]);
    expect(codes(without(() => null)).sort()).toEqual(['certificate-missing', 'tls-session-missing']);
  });
});

describe('a ConfigMap', () => {
  it('may hold the bootstrap of an Envoy, or files that it reads', () => {
    const { static_resources: fixed } = JSON.parse(changedEnvoy(({ filter }) => (filter.shadow_mode = true)));
    const resources = fixed.listeners.map((each: Loose) => ({
      '@type': 'type.googleapis.com/envoy.config.listener.v3.Listener',
      ...each,
    }));
    const map = (data: Loose): string => stringify({ apiVersion: 'v1', kind: 'ConfigMap', data });
    const whole = map({ 'envoy.json': JSON.stringify({ static_resources: fixed }), 'notes.txt': 'a: [1' });
    expect(found(file('map.yaml', whole))).toEqual([
      expect.stringMatching(/^shadow-mode data\["envoy\.json"\]:\.static_resources\.listeners/),
    ]);
    const watched = map({ 'lds.yaml': stringify({ resources }) });
    expect(found(file('map.yaml', watched)).filter((each) => each.startsWith('shadow-mode'))).toHaveLength(1);
  });
});

describe('files of xDS resources', () => {
  const { static_resources: fixed } = JSON.parse(changedEnvoy());
  const resources = (type: string, list: Loose[]): string =>
    stringify({ resources: list.map((each) => ({ '@type': `type.googleapis.com/envoy.config.${type}`, ...each })) });
  const lds = { path: 'lds.yaml', text: resources('listener.v3.Listener', fixed.listeners) };
  const cds = { path: 'cds.yaml', text: resources('cluster.v3.Cluster', fixed.clusters) };
  const bootstrap = { path: 'envoy.yaml', text: 'dynamic_resources: { lds_config: {}, cds_config: {} }\n' };

  it('are looked at together', () => {
    expect(found([bootstrap, lds, cds])).toEqual([]);
    expect(found([lds, cds])).toEqual([]);
  });

  it('are told to be missing', () => {
    expect(found([bootstrap]).sort()).toEqual(['no-ext-authz ', 'not-shown ']);
    expect(found([bootstrap, lds])).toEqual([
      'not-shown resources[0].filter_chains[0].filters[0].typed_config.http_filters[1].typed_config.grpc_service.envoy_grpc.cluster_name',
    ]);
  });
});

describe('a mesh', () => {
  it('is looked at as far as it is there', () => {
    const [mesh, policies, envoyFilter] = changedIstio(({ mesh: { extensionProviders } }) => extensionProviders.pop());
    expect(found([mesh!]).sort()).toEqual([
      'certificate-missing meshConfig.extensionProviders[0].envoyExtAuthzGrpc.include_peer_certificate',
      'labels-missing meshConfig.extensionProviders[0].envoyExtAuthzGrpc.bootstrap_metadata_labels_key',
      'mutations-unchecked meshConfig.extensionProviders[0].envoyExtAuthzGrpc.validate_mutations',
      'policies-not-shown meshConfig.extensionProviders[0]',
      'raw-headers-missing meshConfig.extensionProviders[0].envoyExtAuthzGrpc.encode_raw_headers',
      'tls-session-missing meshConfig.extensionProviders[0].envoyExtAuthzGrpc.include_tls_session',
    ]);
    expect(found([policies!])).toEqual(['mtls-not-shown ', 'provider-not-shown spec.provider.name']);
    expect(found([envoyFilter!])).toEqual(['no-ext-authz ']);
  });

  it('is the same as IstioOperator, as ConfigMap, by itself, and in a List', () => {
    const [values, ...others] = changedIstio(({ grpc }) => (grpc.failOpen = true));
    const { meshConfig } = parse(values!.text);
    const operator = { apiVersion: 'install.istio.io/v1alpha1', kind: 'IstioOperator', spec: { meshConfig } };
    const map = {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      data: { mesh: stringify(meshConfig), meshNetworks: 'networks: {}' },
    };
    const list = { apiVersion: 'v1', kind: 'List', items: [map] };
    for (const form of [operator, map, meshConfig, list]) {
      const findings = found([{ path: 'mesh.yaml', text: stringify(form) }, ...others]);
      expect(findings).toEqual([
        expect.stringMatching(/^fail-open \S*extensionProviders\[0\]\.envoyExtAuthzGrpc\.failOpen$/),
      ]);
    }
  });

  it('may ask by an EnvoyFilter alone', () => {
    const { static_resources: fixed } = JSON.parse(changedEnvoy());
    const entry = fixed.listeners[0].filter_chains[0].filters[0].typed_config.http_filters[1];
    const inserted = (value: Loose): string =>
      stringify({
        apiVersion: 'networking.istio.io/v1alpha3',
        kind: 'EnvoyFilter',
        metadata: { name: 'ask', namespace: 'istio-system' },
        spec: { configPatches: [{ applyTo: 'HTTP_FILTER', patch: { operation: 'INSERT_FIRST', value } }] },
      });
    expect(found(file('ask.yaml', inserted(entry)))).toEqual([]);
    entry.typed_config.failure_mode_allow = true;
    delete entry.typed_config.include_peer_certificate;
    expect(found(file('ask.yaml', inserted(entry))).sort()).toEqual([
      'certificate-missing spec.configPatches[0].patch.value.typed_config.include_peer_certificate',
      'fail-open spec.configPatches[0].patch.value.typed_config.failure_mode_allow',
    ]);
  });

  it('is not asked of beside an Envoy that is configured by hand', () => {
    const policy = stringify({
      apiVersion: 'security.istio.io/v1',
      kind: 'AuthorizationPolicy',
      metadata: { name: 'a', namespace: 'shop' },
      spec: { rules: [{}] },
    });
    expect(
      found([
        { path: 'envoy.yaml', text: envoyText },
        { path: 'policy.yaml', text: policy },
      ]),
    ).toEqual([]);
    expect(found(file('policy.yaml', policy))).toEqual(['no-ext-authz ']);
  });
});

describe('what is not known', () => {
  it('is told', () => {
    expect(found(file('a.yaml', 'hello: world\n'))).toEqual(['nothing-to-check ', 'unknown-document ']);
    expect(found(file('a.json', '[1, 2]'))).toEqual(['nothing-to-check ', 'unknown-document ']);
    expect(found(file('a.yaml', 'apiVersion: v1\nkind: Service\n'))).toEqual(['nothing-to-check ']);
    expect(found([])).toEqual(['nothing-to-check ']);
  });

  it('does not matter beside what is', () => {
    const service = { path: 'service.yaml', text: 'apiVersion: v1\nkind: Service\n' };
    const portcullis = { path: 'p.yaml', text: 'listen: 0.0.0.0:9191\npolicies: [x]\n' };
    expect(found([{ path: 'envoy.yaml', text: envoyText }, service, portcullis])).toEqual([]);
  });

  it('is told where it stands in a configuration', () => {
    const odd = changedEnvoy(({ bootstrap }) => (bootstrap.static_resources.listeners = 'none'));
    expect(found(odd).sort()).toEqual(['no-ext-authz ', 'unknown-shape static_resources.listeners']);
  });

  it('keeps the rest from being the whole truth when it cannot be read', () => {
    expect(found(file('a.json', '{"configs": [}'))).toEqual(['problem json-syntax a value is missing here']);
    expect(found(file('a.yaml', 'a: [1\n'))).toEqual([expect.stringContaining('problem yaml-syntax')]);
    expect(found(file('a.json', '{"configs": [], "configs": []}'))).toEqual([
      'problem json-syntax this key is there twice',
    ]);
  });

  it('is told once a file, and keeps nothing from being told of others', () => {
    const template = 'a: {{ .Values.a }}\nb: {{ .Values.b }}\n{{- end }}\n';
    const open = changedEnvoy(({ filter }) => (filter.shadow_mode = true));
    const { findings, problems } = look([
      { path: 'template.yaml', text: template },
      { path: 'envoy.json', text: open },
    ]);
    expect(problems).toHaveLength(1);
    expect(findings.map(({ code }) => code)).toContain('shadow-mode');
  });

  it('says what long text was left out', () => {
    const text = envoyText.replace('filename: /etc/envoy/tls/ca.crt', `inline_string: ${'a'.repeat(70_000)}`);
    expect(found(file('envoy.yaml', text))).toEqual(['not-shown ']);
  });

  it('is no reason to go on for ever', () => {
    const routes = Array.from({ length: 3000 }, () => ({ match: { prefix: '/' }, route: { cluster_header: 'x' } }));
    const { findings } = look(changedEnvoy(({ host }) => (host.routes = routes)));
    expect(findings).toHaveLength(1001);
    expect(findings.filter(({ code }) => code === 'too-many-findings')).toHaveLength(1);
  });
});
