import { positionOf } from '../parse/node.ts';
import { positionInside } from '../parse/position-inside.ts';
import type { StringNode } from '../parse/expect.ts';
import { parseTemplate } from '../template.ts';
import type { Template } from '../model.ts';
import { checkHeaderKey } from '../validate/header-key.ts';
import type { Context } from '../validate/value-check.ts';

export function readTemplate(text: StringNode, context: Context): Template {
  const { parts, problems } = parseTemplate(text.value);
  for (const { code, index, message, hint } of problems) {
    context.report.error(code, positionInside(text, index), message, hint);
  }
  for (const part of parts) if (part.kind === 'attribute') checkHeaderKey(part.key, text, context);
  return { parts, position: positionOf(text) };
}
