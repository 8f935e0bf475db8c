import { compileCel } from '../cel/compile.ts';
import type { MapNode } from '../parse/node.ts';
import { positionOf } from '../parse/node.ts';
import { positionInside } from '../parse/position-inside.ts';
import type { CelSource } from '../model.ts';
import type { Context } from '../validate/value-check.ts';
import { checkCelOptions } from '../validate/cel-options.ts';
import { stringField } from './fields.ts';

/** The condition as source; it is compiled here once to find what is wrong with it. */
export function readCel(rule: MapNode, context: Context): CelSource | null {
  const text = stringField(rule, 'condition', context.report);
  if (text === null || text.value === '') return null;
  const compiled = compileCel(text.value);
  for (const { index, message, hint } of compiled.problems) {
    context.report.error('bad-condition', positionInside(text, index), message, hint);
  }
  if (compiled.program !== null) checkCelOptions(compiled.program, text, context);
  return { text: text.value, position: positionOf(text) };
}
