import { entryOf, keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { Context } from '../validate/value-check.ts';
import { mapField, textMapField } from './fields.ts';

/** `selector.matchLabels` (Istio: validateWorkloadSelector): no empty key, no wildcard. */
export function readMatchLabels(spec: MapNode, context: Context): ReadonlyMap<string, string> {
  const labels = new Map<string, string>();
  const selector = mapField(spec, 'selector', context.report);
  if (selector === null) return labels;
  for (const [key, value] of textMapField(selector, 'matchLabels', context.report)) {
    const place = keyPlace(mapField(selector, 'matchLabels', context.report) ?? selector, key);
    if (key === '') context.report.error('bad-selector', place, 'a label has no name');
    else if (key.includes('*') || value.value.includes('*')) {
      context.report.error(
        'bad-selector',
        key.includes('*') ? place : positionOf(value),
        `a selector takes no wildcards: \`${key}: ${value.value}\``,
        'labels are compared exactly',
      );
    } else labels.set(key, value.value);
  }
  return labels;
}

export function hasSelector(spec: MapNode): boolean {
  const selector = entryOf(spec, 'selector')?.value;
  return selector !== undefined && !(selector.kind === 'scalar' && selector.value === null);
}
