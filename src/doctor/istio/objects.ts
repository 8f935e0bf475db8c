/** Objects of Istio, as far as the gate hangs on them. */
import type { Part } from '../part.ts';

/** An AuthorizationPolicy of `action: CUSTOM`. */
export interface CustomPolicy {
  readonly part: Part;
  readonly namespace: string;
  readonly provider: Part;
  /** Applies to some workloads of its namespace only. */
  readonly hasSelector: boolean;
  /** Names the waypoints or gateways that it is for. */
  readonly hasTarget: boolean;
}

/** One patch of an EnvoyFilter. */
export interface EnvoyPatch {
  readonly part: Part;
  readonly namespace: string;
  readonly hasSelector: boolean;
  readonly hasTarget: boolean;
  readonly applyTo: string;
  readonly operation: string;
  readonly value: Part;
  /** Name of the HTTP filter that it is about, when `match` says one. */
  readonly subFilter: string;
  readonly context: string;
}

export const ROOT_NAMESPACE = 'istio-system';

export function namespaceOf(object: Part): string {
  // Without one kubectl puts it where it is asked to: `default`, unless told.
  return object.in('metadata', 'namespace').text() ?? 'default';
}

export function hasLabels(labels: Part): boolean {
  return labels.entries().length > 0;
}

export function customPolicy(object: Part): CustomPolicy | null {
  const spec = object.at('spec');
  if (spec.at('action').text() !== 'CUSTOM') return null;
  const hasTarget = spec.at('targetRef').isThere || spec.at('targetRefs').items().length > 0;
  return {
    part: object,
    namespace: namespaceOf(object),
    provider: spec.in('provider', 'name'),
    hasSelector: hasLabels(spec.in('selector', 'matchLabels')) || hasTarget,
    hasTarget,
  };
}

export function envoyPatches(object: Part): readonly EnvoyPatch[] {
  const spec = object.at('spec');
  const hasTarget = spec.at('targetRefs').items().length > 0;
  const hasSelector = hasLabels(spec.in('workloadSelector', 'labels')) || hasTarget;
  return spec
    .at('configPatches')
    .items()
    .map((part) => {
      const filters = [part.in('match', 'listener', 'filterChain', 'filter'), part.in('match', 'waypoint', 'filter')];
      const names = filters.map((filter) => filter.in('subFilter', 'name').text() ?? '');
      return {
        part,
        namespace: namespaceOf(object),
        hasSelector,
        hasTarget,
        applyTo: part.at('applyTo').text() ?? '',
        operation: part.in('patch', 'operation').text() ?? '',
        value: part.in('patch', 'value'),
        subFilter: names.find((name) => name !== '') ?? '',
        context: part.in('match', 'context').text() ?? 'ANY',
      };
    });
}
