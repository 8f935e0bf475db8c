import { parseAttributeKey } from '../attribute-key.ts';
import { keyPlace, positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { AttributeKey, Condition } from '../model.ts';
import { conditionCheck } from '../validate/fields.ts';
import { checkConditionKey } from '../validate/header-key.ts';
import { keyFateInIstio } from '../validate/in-istio.ts';
import type { Context } from '../validate/value-check.ts';
import { stringField } from './fields.ts';
import { readValues } from './source.ts';

/** One element of `when`; null when its key is not usable (reported). */
export function readCondition(map: MapNode, context: Context): Condition | null {
  const key = readKey(map, context);
  const check = key === null ? (): void => undefined : conditionCheck(key);
  const values = readValues(map, 'values', check, context);
  const notValues = readValues(map, 'notValues', check, context);
  if (values === null && notValues === null) {
    context.report.error(
      'missing-values',
      positionOf(map),
      'a condition needs `values` or `notValues`',
      '`values: ["*"]` asks that the attribute is there',
    );
  }
  return key === null ? null : { key, values, notValues, position: positionOf(map) };
}

function readKey(map: MapNode, context: Context): AttributeKey | null {
  const text = stringField(map, 'key', context.report);
  if (text === null || text.value === '') {
    const place = text === null ? keyPlace(map, 'key') : positionOf(text);
    context.report.error('missing-field', place, 'the field `key` is missing', 'e.g. `request.headers[x-tenant]`');
    return null;
  }
  const parsed = parseAttributeKey(text.value);
  if ('problem' in parsed) {
    const { code, message, inIstio, hint } = parsed.problem;
    context.report.error(code, positionOf(text), message + keyFateInIstio(inIstio, context), hint);
    return null;
  }
  checkConditionKey(parsed.key, text, context);
  return parsed.key;
}
