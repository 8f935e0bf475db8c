/** What the documents of the input are, by their form. */
import { keysAt } from '../config/settings.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';
import { typeNameOf } from './envoy/typed.ts';
import { isWorkload } from './istio/workloads.ts';
import { Part } from './part.ts';
import { InnerText } from './text/inner-text.ts';
import { readInnerTrees } from './text/read-trees.ts';

export class Documents {
  readonly dumps: Part[] = [];
  readonly bootstraps: Part[] = [];
  /** xDS resources, from files. */
  readonly resources: Part[] = [];
  readonly meshConfigs: Part[] = [];
  readonly authorizationPolicies: Part[] = [];
  readonly envoyFilters: Part[] = [];
  readonly peerAuthentications: Part[] = [];
  readonly workloads: Part[] = [];
  /** Texts inside of documents that could not be read. */
  readonly problems: Diagnostic[] = [];

  get isEmpty(): boolean {
    const { dumps, bootstraps, resources, meshConfigs, authorizationPolicies, envoyFilters } = this;
    return [dumps, bootstraps, resources, meshConfigs, authorizationPolicies, envoyFilters].every(
      ({ length }) => length === 0,
    );
  }

  add(document: Part): void {
    if (!this.#envoy(document) && !this.#object(document, 0) && !this.#mesh(document) && !isOfPortcullis(document)) {
      document.report('unknown-document', 'this is no configuration of Envoy or Istio that is known here');
    }
  }

  #envoy(document: Part): boolean {
    if (!document.isMap) return false;
    if (document.at('configs').isThere) {
      this.dumps.push(document);
      return true;
    }
    if (document.at('static_resources').isThere || document.at('dynamic_resources').isThere) {
      this.bootstraps.push(document);
      return true;
    }
    if (typeNameOf(document).startsWith('envoy.config.')) {
      this.resources.push(document);
      return true;
    }
    // A file that Envoy watches has its resources in a DiscoveryResponse.
    if (!document.at('resources').isThere || document.at('kind').isThere) return false;
    const resources = document.at('resources').items();
    const known = resources.filter((resource) => typeNameOf(resource).startsWith('envoy.config.'));
    this.resources.push(...known);
    return known.length > 0;
  }

  /** Objects of Kubernetes; of most kinds none is of interest. */
  #object(document: Part, depth: number): boolean {
    if (!document.isMap || !document.at('kind').isThere || !document.at('apiVersion').isThere) return false;
    const kind = document.at('kind').text() ?? '';
    if (isWorkload(kind)) this.workloads.push(document);
    switch (kind) {
      case 'List':
        if (depth < MAX_LISTS) for (const item of document.at('items').items()) this.#object(item, depth + 1);
        break;
      case 'EnvoyFilter':
        this.envoyFilters.push(document);
        break;
      case 'AuthorizationPolicy':
        this.authorizationPolicies.push(document);
        break;
      case 'PeerAuthentication':
        this.peerAuthentications.push(document);
        break;
      case 'IstioOperator': {
        const mesh = document.in('spec', 'meshConfig');
        if (mesh.isThere) this.meshConfigs.push(mesh);
        break;
      }
      case 'ConfigMap':
        this.#configMap(document);
        break;
      default:
    }
    return true;
  }

  #configMap(document: Part): void {
    for (const [key, value] of document.at('data').entries()) {
      const { node } = value;
      if (node?.kind !== 'scalar' || typeof node.value !== 'string') continue;
      // Whatever else people keep in ConfigMaps is no business of ours, however it looks.
      if (key !== 'mesh' && !CONFIGURES.test(node.value)) continue;
      const { nodes, problems } = readInnerTrees(new InnerText(node));
      this.problems.push(...problems.slice(0, 1));
      for (const inner of nodes) {
        const part = Part.root(document.findings, inner, `${value.path}:`);
        if (key === 'mesh' && part.isMap) this.meshConfigs.push(part);
        else if (!this.#envoy(part)) this.#mesh(part);
      }
    }
  }

  /** The mesh config by itself, or as values of Istio's Helm chart have it. */
  #mesh(document: Part): boolean {
    if (!document.isMap) return false;
    const inner = document.at('meshConfig');
    if (inner.isMap) this.meshConfigs.push(inner);
    else if (MESH_KEYS.some((key) => document.at(key).isThere)) this.meshConfigs.push(document);
    else return false;
    return true;
  }
}

/** What no configuration of Envoy or Istio that asks anybody is without. */
const CONFIGURES = /static_?resources|dynamic_?resources|extensionProviders|googleapis\.com\/envoy\./i;

/** A List in a List is nobody's file. */
const MAX_LISTS = 3;

/** Of MeshConfig, and of nothing else that may lie beside it. */
const MESH_KEYS = ['extensionProviders', 'defaultConfig', 'pathNormalization', 'enableAutoMtls', 'meshMTLS'];

/** The configuration of Portcullis itself, and tests of its policies, may lie beside the manifests. */
function isOfPortcullis(document: Part): boolean {
  if (!document.isMap) return false;
  const known = new Set(keysAt([]));
  const keys = document.entries().map(([key]) => key);
  return keys.length > 0 && keys.every((key) => known.has(key));
}
