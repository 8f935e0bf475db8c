/**
 * `targetRef` and `targetRefs` of Istio's kinds (ValidateAuthorizationPolicy: validatePolicyTargetReference).
 * Only a Gateway of the policy's own namespace can be a workload here; what a policy else points to are
 * waypoints, which ask nobody here.
 */
import { asMap } from '../parse/expect.ts';
import { keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode, Node } from '../parse/node.ts';
import type { Context } from '../validate/value-check.ts';
import { fieldOf, listField, stringField } from './fields.ts';
import { hasSelector } from './selector.ts';

const GATEWAY_GROUP = 'gateway.networking.k8s.io';
const TARGETS: Readonly<Record<string, string>> = {
  Gateway: GATEWAY_GROUP,
  GatewayClass: GATEWAY_GROUP,
  Service: 'core',
  ServiceEntry: 'networking.istio.io',
};

/** Names of Gateways; null when the policy has no target references. */
export function readTargetGateways(spec: MapNode, context: Context): readonly string[] | null {
  const list = listField(spec, 'targetRefs', context.report);
  const single = fieldOf(spec, 'targetRef');
  const several = list === null || list.items.length === 0 ? [] : list.items;
  const ways = [hasSelector(spec), single !== undefined, several.length > 0].filter(Boolean).length;
  if (ways > 1) {
    context.report.error(
      'conflicting-fields',
      keyPlace(spec, several.length > 0 ? 'targetRefs' : 'targetRef'),
      'only one of `selector`, `targetRef` and `targetRefs` may be set',
    );
  }
  const references: Node[] = single === undefined ? [...several] : [single, ...several];
  if (references.length === 0) return null;
  return references.flatMap((node) => readTarget(node, context));
}

function readTarget(node: Node, context: Context): string[] {
  const { report } = context;
  const map = asMap(node, report);
  if (map === null) return [];
  const kind = stringField(map, 'kind', report)?.value ?? '';
  const group = stringField(map, 'group', report)?.value ?? '';
  const name = stringField(map, 'name', report)?.value ?? '';
  const namespace = stringField(map, 'namespace', report)?.value ?? '';
  const place = positionOf(node);
  if (name === '') report.error('bad-target', place, 'a target reference needs a `name`');
  if (namespace !== '') {
    report.error(
      'bad-target',
      keyPlace(map, 'namespace'),
      'a target reference has no `namespace`: it is always the policy’s own',
    );
  }
  if (!Object.hasOwn(TARGETS, kind) || TARGETS[kind] !== (group === '' ? 'core' : group)) {
    report.error(
      'bad-target',
      place,
      `a policy cannot point to \`${group === '' ? '' : `${group}/`}${kind}\``,
      Object.hasOwn(TARGETS, kind)
        ? `the group of ${kind} is \`${TARGETS[kind]!}\``
        : `the kinds are ${Object.keys(TARGETS)
            .map((known) => `\`${known}\``)
            .join(', ')}`,
    );
  }
  return kind === 'Gateway' ? [name] : [];
}
