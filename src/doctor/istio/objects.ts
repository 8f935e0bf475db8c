/** Objects of Istio, as far as the gate hangs on them. */
import type { Part } from '../part.ts';

/** An AuthorizationPolicy of `action: CUSTOM`. */
export interface CustomPolicy {
  readonly part: Part;
  readonly namespace: string;
  readonly provider: Part;
  /** Applies to some workloads of its namespace only. */
  readonly hasSelector: boolean;
}

/** One patch of an EnvoyFilter. */
export interface EnvoyPatch {
  readonly part: Part;
  readonly namespace: string;
  readonly hasSelector: boolean;
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

export function customPolicy(object: Part): CustomPolicy | null {
  const spec = object.at('spec');
  if (spec.at('action').text() !== 'CUSTOM') return null;
  const hasTarget = spec.at('targetRef').isThere || spec.at('targetRefs').items().length > 0;
  return {
    part: object,
    namespace: namespaceOf(object),
    provider: spec.in('provider', 'name'),
    hasSelector: spec.in('selector', 'matchLabels').entries().length > 0 || hasTarget,
  };
}

export function envoyPatches(object: Part): readonly EnvoyPatch[] {
  const spec = object.at('spec');
  const hasTarget = spec.at('targetRefs').items().length > 0;
  const hasSelector = spec.in('workloadSelector', 'labels').entries().length > 0 || hasTarget;
  return spec
    .at('configPatches')
    .items()
    .map((part) => {
      const chain = part.in('match', 'listener', 'filterChain', 'filter');
      return {
        part,
        namespace: namespaceOf(object),
        hasSelector,
        applyTo: part.at('applyTo').text() ?? '',
        operation: part.in('patch', 'operation').text() ?? '',
        value: part.in('patch', 'value'),
        subFilter: chain.in('subFilter', 'name').text() ?? '',
        context: part.in('match', 'context').text() ?? 'ANY',
      };
    });
}
