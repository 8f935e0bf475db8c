/** Everything that the manifests of a mesh say about the gate. */
import { checkQuestion } from '../envoy/question.ts';
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';
import { checkCustomPolicies } from './custom-policies.ts';
import { checkPatch, extAuthzOf, insertsExtAuthz } from './envoy-filters.ts';
import { checkMesh, checkProvider, providersOf, rootNamespaceOf } from './mesh.ts';
import type { Provider } from './mesh.ts';
import { customPolicy, envoyPatches, ROOT_NAMESPACE } from './objects.ts';
import type { CustomPolicy, EnvoyPatch } from './objects.ts';

/** What of Istio is in the input. */
export interface Mesh {
  readonly configs: readonly Part[];
  readonly authorizationPolicies: readonly Part[];
  readonly envoyFilters: readonly Part[];
}

/** `isAlone`: nothing else in the input asks anybody, so that here must be somebody who does. */
export function checkIstio(mesh: Mesh, facts: ServiceFacts, isAlone: boolean): void {
  const { configs } = mesh;
  const providers = configs.flatMap(providersOf);
  const rootNamespace =
    configs[0] === undefined ? (facts?.rootNamespace ?? ROOT_NAMESPACE) : rootNamespaceOf(configs[0]);
  const policies = mesh.authorizationPolicies.flatMap((part) => customPolicy(part) ?? []);
  const patches = mesh.envoyFilters.flatMap(envoyPatches);

  const users = Map.groupBy(policies, (policy) => policy.provider.text() ?? '');
  const merges = mergesOf(patches);

  for (const config of configs) checkMesh(config, facts);
  for (const provider of providers) {
    checkProvider(provider, facts);
    const own = users.get(provider.name) ?? [];
    checkUse(provider, own, mesh);
    if (provider.isGrpc) checkGenerated(provider, own, merges, rootNamespace);
  }
  for (const patch of patches) checkPatch(patch, facts);
  checkCustomPolicies(policies, configs.length === 0 ? null : providers, rootNamespace);
  if (isAlone && providers.length === 0 && policies.length === 0 && !patches.some(insertsExtAuthz)) {
    const root = [...configs, ...mesh.envoyFilters, ...mesh.authorizationPolicies][0];
    root?.report('no-ext-authz', 'neither a provider nor a CUSTOM policy nor an EnvoyFilter asks anybody');
  }
}

function checkUse({ name, part }: Provider, own: readonly CustomPolicy[], mesh: Mesh): void {
  if (own.length > 0) return;
  const areShown = mesh.authorizationPolicies.length > 0 || mesh.envoyFilters.length > 0;
  if (areShown) part.report('provider-unused', `no CUSTOM policy sends requests to \`${name}\``);
  else part.report('policies-not-shown', `there is no CUSTOM policy in the input that sends requests to \`${name}\``);
}

/** Settings of ext_authz that EnvoyFilters add for all workloads of a namespace, by that. */
function mergesOf(patches: readonly EnvoyPatch[]): ReadonlyMap<string, readonly Part[]> {
  const merges = new Map<string, Part[]>();
  for (const patch of patches) {
    const { operation, applyTo, hasSelector, context, namespace } = patch;
    if (operation !== 'MERGE' || applyTo !== 'HTTP_FILTER' || hasSelector || context === 'SIDECAR_OUTBOUND') continue;
    const settings = extAuthzOf(patch);
    if (settings === null) continue;
    const known = merges.get(namespace);
    if (known === undefined) merges.set(namespace, [settings]);
    else known.push(settings);
  }
  return merges;
}

/** Istio makes a filter of a provider wherever a policy applies, with none of what only EnvoyFilters can add. */
function checkGenerated(
  { settings }: Provider,
  own: readonly CustomPolicy[],
  merges: ReadonlyMap<string, readonly Part[]>,
  rootNamespace: string,
): void {
  const everywhere = merges.get(rootNamespace) ?? [];
  const namespaces = own.length === 0 ? [rootNamespace] : new Set(own.map(({ namespace }) => namespace));
  for (const namespace of namespaces) {
    const here = namespace === rootNamespace ? [] : (merges.get(namespace) ?? []);
    checkQuestion({ place: settings, layers: [...here, ...everywhere], hasTls: true, hasCertificates: true });
  }
}
