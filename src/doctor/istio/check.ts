/** Everything that the manifests of a mesh say about the gate. */
import { checkQuestion, setting } from '../envoy/question.ts';
import type { QuestionPlace } from '../envoy/question.ts';
import type { Part } from '../part.ts';
import type { ServiceFacts } from '../service-facts.ts';
import { checkCustomPolicies } from './custom-policies.ts';
import { checkPatch, extAuthzOf, insertsExtAuthz } from './envoy-filters.ts';
import { checkMesh, checkProvider, checkProviderNames, providersOf, rootNamespaceOf } from './mesh.ts';
import type { Provider } from './mesh.ts';
import { customPolicy, envoyPatches, ROOT_NAMESPACE } from './objects.ts';
import type { CustomPolicy, EnvoyPatch } from './objects.ts';
import { checkMutualTls } from './mutual-tls.ts';
import { checkWorkload } from './workloads.ts';

/** What of Istio is in the input. */
export interface Mesh {
  readonly configs: readonly Part[];
  readonly authorizationPolicies: readonly Part[];
  readonly envoyFilters: readonly Part[];
  readonly peerAuthentications: readonly Part[];
  /** Objects that make pods. */
  readonly workloads: readonly Part[];
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

  for (const config of configs) checkMesh(config, facts);
  checkProviderNames(providers);
  for (const provider of providers) {
    checkProvider(provider, facts);
    const own = users.get(provider.name) ?? [];
    checkUse(provider, own, mesh);
    if (provider.isGrpc) checkGenerated(provider, own, patches, rootNamespace);
  }
  for (const patch of patches) checkPatch(patch, facts);
  checkCustomPolicies(policies, configs.length === 0 ? null : providers, rootNamespace);
  checkMutualTls(mesh.peerAuthentications, rootNamespace, policies[0]?.part ?? null);
  for (const workload of mesh.workloads) checkWorkload(workload);
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

/** Istio makes a filter of a provider wherever a policy applies, with none of what only EnvoyFilters can add. */
function checkGenerated(
  { settings }: Provider,
  own: readonly CustomPolicy[],
  patches: readonly EnvoyPatch[],
  rootNamespace: string,
): void {
  const ofSidecars = own.filter(({ hasTarget }) => !hasTarget);
  const namespaces = own.length === 0 ? [rootNamespace] : new Set(ofSidecars.map(({ namespace }) => namespace));
  for (const namespace of namespaces) {
    // Later ones in the namespace of the workload.
    const layers = namespace === rootNamespace ? [rootNamespace] : [namespace, rootNamespace];
    const question: QuestionPlace = {
      place: settings,
      layers: layers.flatMap((each) => mergesIn(each, patches)),
      hasTls: true,
      hasCertificates: true,
    };
    checkQuestion(question);
    const labels = setting(question, 'bootstrap_metadata_labels_key');
    if ((labels.text() ?? '') === '') labels.report('labels-missing', 'the labels of the called pod are not sent');
  }
  // At a waypoint the tunnel has ended, with its handshake, and the labels would be its own.
  for (const namespace of new Set(own.filter(({ hasTarget }) => hasTarget).map((policy) => policy.namespace))) {
    const layers = patches.filter((each) => each.namespace === namespace && each.hasTarget).flatMap(mergeOf);
    checkQuestion({ place: settings, layers, hasTls: false, hasCertificates: false });
  }
}

/** Settings of ext_authz that EnvoyFilters add for all sidecars of a namespace, or those of the mesh. */
function mergesIn(namespace: string, patches: readonly EnvoyPatch[]): readonly Part[] {
  return patches
    .filter((each) => each.namespace === namespace && !each.hasSelector && !OTHER_PROXIES.has(each.context))
    .flatMap(mergeOf);
}

/** Contexts in which no sidecar asks. */
const OTHER_PROXIES: ReadonlySet<string> = new Set(['SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT']);

function mergeOf(patch: EnvoyPatch): readonly Part[] {
  const isMerge = patch.operation === 'MERGE' && patch.applyTo === 'HTTP_FILTER';
  const settings = isMerge ? extAuthzOf(patch) : null;
  return settings === null ? [] : [settings];
}
