import type { MapNode } from '../parse/node.ts';
import { positionOf } from '../parse/node.ts';
import type { CelSource } from '../model.ts';
import type { Context } from '../validate/value-check.ts';
import { stringField } from './fields.ts';

export function readCel(rule: MapNode, context: Context): CelSource | null {
  const text = stringField(rule, 'condition', context.report);
  return text === null ? null : { text: text.value, position: positionOf(text) };
}
