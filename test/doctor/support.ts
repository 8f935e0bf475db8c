/** Configurations to look at: the recommended ones, with one thing changed. */
/* eslint-disable @typescript-eslint/no-unsafe-assignment, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return --
   configurations are changed here as plain data: no types of Envoy and Istio are at hand */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { examine } from '../../src/doctor/doctor.ts';
import type { Examination, InputFile } from '../../src/doctor/doctor.ts';
import type { Finding } from '../../src/doctor/finding.ts';
import type { ServiceFacts } from '../../src/doctor/service-facts.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy');

/** Configuration as plain data, which tests change at will. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any -- Envoy's own types are not at hand, and the tests say what they change
export type Loose = any;

export interface EnvoyParts {
  readonly bootstrap: Loose;
  readonly listener: Loose;
  readonly chain: Loose;
  readonly manager: Loose;
  readonly jwt: Loose;
  /** The entry in `http_filters`. */
  readonly entry: Loose;
  /** The settings of ext_authz. */
  readonly filter: Loose;
  readonly routes: Loose;
  readonly host: Loose;
  readonly cluster: Loose;
}

export function envoyParts(): EnvoyParts {
  const bootstrap: Loose = parse(readFileSync(join(DEPLOY, 'envoy/envoy.yaml'), 'utf8'));
  const [listener] = bootstrap.static_resources.listeners;
  const [chain] = listener.filter_chains;
  const manager = chain.filters[0].typed_config;
  const [jwt, entry] = manager.http_filters;
  const [host] = manager.route_config.virtual_hosts;
  return {
    ...{ bootstrap, listener, chain, manager, jwt, entry, filter: entry.typed_config, routes: manager.route_config },
    ...{ host, cluster: bootstrap.static_resources.clusters[0] },
  };
}

export type Change = (parts: EnvoyParts) => unknown;

/** `deploy/envoy/envoy.yaml` with a change, as JSON. */
export function changedEnvoy(change: Change = () => null): string {
  const parts = envoyParts();
  change(parts);
  return JSON.stringify(parts.bootstrap, null, 1);
}

export interface MeshParts {
  /** Under `meshConfig`. */
  readonly mesh: Loose;
  /** Under `envoyExtAuthzGrpc`. */
  readonly grpc: Loose;
  readonly custom: Loose;
  /** The EnvoyFilter that adds what Istio leaves out. */
  readonly patch: Loose;
  /** Settings of ext_authz that it merges. */
  readonly filter: Loose;
  /** The PeerAuthentication of the mesh. */
  readonly peers: Loose;
  /** More objects. */
  readonly others: Loose[];
}

export type MeshChange = (parts: MeshParts) => unknown;

/** The files of `deploy/istio` that doctor looks at, with a change. */
export function changedIstio(change: MeshChange = () => null): readonly InputFile[] {
  const read = (name: string): Loose[] =>
    parseAllDocuments(readFileSync(join(DEPLOY, 'istio', name), 'utf8')).map((document) => document.toJS());
  const [values] = read('mesh-config.yaml');
  const policies = read('authorization-policy.yaml');
  const [envoyFilter] = read('envoy-filter.yaml');
  const [peers] = read('peer-authentication.yaml');
  const parts: MeshParts = {
    mesh: values.meshConfig,
    grpc: values.meshConfig.extensionProviders[0].envoyExtAuthzGrpc,
    custom: policies[0],
    patch: envoyFilter.spec.configPatches[0],
    filter: envoyFilter.spec.configPatches[0].patch.value.typed_config,
    peers,
    others: [],
  };
  change(parts);
  const text = (documents: readonly Loose[]): string => documents.map((each) => stringify(each)).join('---\n');
  return [
    { path: 'mesh-config.yaml', text: text([values]) },
    { path: 'authorization-policy.yaml', text: text(policies) },
    { path: 'envoy-filter.yaml', text: text([envoyFilter, ...parts.others]) },
    { path: 'peer-authentication.yaml', text: text([peers]) },
    { path: 'waypoint.yaml', text: text(read('waypoint.yaml')) },
  ];
}

export function facts(flags: Readonly<Record<string, string | number | boolean>>): ServiceFacts {
  const { config, diagnostics } = loadConfig({ flags });
  if (config === null) throw new Error(JSON.stringify(diagnostics));
  return config;
}

export function look(input: string | readonly InputFile[], service: ServiceFacts = null): Examination {
  return examine(typeof input === 'string' ? [{ path: 'input.json', text: input }] : input, service);
}

/** `code path`, one a line of a table. */
export function told(findings: readonly Finding[]): string[] {
  return findings.map(({ code, path }) => `${code} ${path}`);
}

export function found(input: string | readonly InputFile[], service: ServiceFacts = null): string[] {
  const { findings, problems } = look(input, service);
  return [...problems.map(({ code, message }) => `problem ${code} ${message}`), ...told(findings)];
}
