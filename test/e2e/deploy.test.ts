import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parse, parseAllDocuments } from 'yaml';

import { createAuthority } from './support/certificates.ts';
import { envoyConfig } from './support/envoy-config.ts';
import { RECOMMENDED_CONFIG_FILE, recommendedFilter, type Json } from './support/recommended-config.ts';
import { temporaryDirectory, type TemporaryDirectory } from './support/temporary-directory.ts';
import { createTokenIssuer } from './support/tokens.ts';
import { complaintAbout } from './support/validate-config.ts';

const istioFile = (name: string): string =>
  readFileSync(new URL(`../../deploy/istio/${name}`, import.meta.url), 'utf8');

describe('deploy/envoy/envoy.yaml', () => {
  let files: TemporaryDirectory;

  beforeAll(async () => {
    files = await temporaryDirectory();
    const authority = createAuthority('root');
    const leaf = authority.issue({ uris: ['spiffe://cluster.local/ns/shop/sa/orders'] });
    await writeFile(join(files.path, 'tls.crt'), leaf.certificate);
    await writeFile(join(files.path, 'tls.key'), leaf.key);
    await writeFile(join(files.path, 'ca.crt'), authority.certificate);
    await writeFile(join(files.path, 'jwks.json'), createTokenIssuer('https://login.example.com').jwks);
  });

  afterAll(async () => {
    await files.remove();
  });

  it('is taken by envoy', async () => {
    const text = readFileSync(RECOMMENDED_CONFIG_FILE, 'utf8')
      .replaceAll('/etc/envoy/tls/', `${files.path}/`)
      .replaceAll('/etc/envoy/', `${files.path}/`);
    expect(await complaintAbout(parse(text) as Json)).toBeNull();
  });

  it('is checked in earnest: envoy refuses a setting that it does not know', async () => {
    const text = readFileSync(RECOMMENDED_CONFIG_FILE, 'utf8').replace('encode_raw_headers', 'encode_raw_header');
    expect(await complaintAbout(parse(text) as Json)).toContain('encode_raw_header');
  });
});

describe('deploy/istio', () => {
  const [provider] = (parse(istioFile('mesh-config.yaml')) as MeshConfig).meshConfig.extensionProviders;
  const patch = (parse(istioFile('envoy-filter.yaml')) as EnvoyFilter).spec.configPatches[0].patch;
  const tokens = (parse(istioFile('envoy-filter-tokens.yaml')) as EnvoyFilter).spec.configPatches[0].patch;

  it('sends requests to the provider that the mesh knows', () => {
    const [custom] = parseAllDocuments(istioFile('authorization-policy.yaml')).map(
      (document) => document.toJS() as Json,
    );
    expect(custom).toMatchObject({ spec: { action: 'CUSTOM', provider: { name: provider.name }, rules: [{}] } });
  });

  it('makes, merged into what istio generates, an envoy that asks as the recommended one does', async () => {
    const { service, port, timeout, failOpen, statusOnError } = provider.envoyExtAuthzGrpc;
    // As istiod writes it (pilot/pkg/security/authz/builder/extauthz.go, generateGRPCConfig).
    const clusterName = `outbound|${String(port)}||${service}`;
    const generated = {
      grpc_service: { envoy_grpc: { cluster_name: clusterName, authority: 'portcullis' }, timeout },
      failure_mode_allow: failOpen,
      status_on_error: { code: Number(statusOnError) },
      transport_api_version: 'V3',
    };
    const merged: Json = { ...generated, ...patch.value.typed_config };

    const recommended = recommendedFilter('envoy.filters.http.ext_authz');
    const { grpc_service: _asked, status_on_error: _status, clear_route_cache: _default, ...rest } = recommended;
    expect(merged).toMatchObject(rest);

    const listeners = [{ name: 'inbound' }];
    const upstream = { http1: 8080, http2: 8080, grpc: 8080 };
    const services = {
      [clusterName]: { address: '127.0.0.1:9191' },
      'outbound|443||login.example.com': { address: '127.0.0.1:443' },
    };
    const config = envoyConfig({ listeners, services, upstream }, { accessLog: '/dev/null' });
    const filters = [tokens.value, { name: patch.value.name, typed_config: merged }];
    expect(await complaintAbout(withFilters(config, filters))).toBeNull();
  });

  it('verifies tokens into the metadata that envoy is told to send', () => {
    expect(patch.value.typed_config['metadata_context_namespaces']).toContain(tokens.value.name);
    const providers = tokens.value.typed_config['providers'];
    expect(providers).toMatchObject({ main: { payload_in_metadata: 'payload', forward: true } });
  });
});

interface MeshConfig {
  readonly meshConfig: {
    readonly extensionProviders: readonly [
      {
        readonly name: string;
        readonly envoyExtAuthzGrpc: {
          readonly service: string;
          readonly port: number;
          readonly timeout: string;
          readonly failOpen: boolean;
          readonly statusOnError: string;
        };
      },
    ];
  };
}

interface Filter {
  readonly name: string;
  readonly typed_config: Json;
}

interface EnvoyFilter {
  readonly spec: { readonly configPatches: readonly [{ readonly patch: { readonly value: Filter } }] };
}

interface Bootstrap {
  readonly static_resources: {
    readonly listeners: readonly [
      { readonly filter_chains: readonly [{ readonly filters: readonly [{ readonly typed_config: Json }] }] },
    ];
  };
}

/** The configuration with these HTTP filters in place of its own ones, but for the router. */
function withFilters(config: Json, filters: readonly Filter[]): Json {
  const copy = structuredClone(config);
  const manager = (copy as unknown as Bootstrap).static_resources.listeners[0].filter_chains[0].filters[0].typed_config;
  const router = (manager['http_filters'] as readonly Filter[]).at(-1);
  manager['http_filters'] = [...filters, router];
  return copy;
}
