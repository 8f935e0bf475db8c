/** One rule of either kind. */
import { asMap } from '../parse/expect.ts';
import { entryOf, keyPosition, positionOf } from '../parse/node.ts';
import type { ListNode, MapNode, Node } from '../parse/node.ts';
import type { Action, Condition, Operation, Rule, Source } from '../model.ts';
import type { Context } from '../validate/value-check.ts';
import { fieldOf, listField, stringField } from './fields.ts';
import { readCel } from './cel-condition.ts';
import { readCondition } from './condition.ts';
import { readRespond } from './respond.ts';
import { readOperation, readSource } from './source.ts';
import { readValidWindow } from './valid-window.ts';

export function readRule(node: Node, index: number, action: Action, context: Context): Rule {
  // Measured: `rules: [null]` is a rule without fields, which matches everything.
  const empty = node.kind === 'scalar' && node.value === null && context.dialect === 'istio';
  const map = empty ? null : asMap(node, context.report);
  const position = positionOf(node);
  if (map === null) return { ...NOTHING, index, position };
  return {
    index,
    name: context.dialect === 'access' ? (stringField(map, 'name', context.report)?.value ?? null) : null,
    from: readAlternatives(map, 'from', 'source', readSource, context),
    to: readAlternatives(map, 'to', 'operation', readOperation, context),
    when: readWhen(map, context),
    ...(context.dialect === 'access'
      ? {
          condition: readCel(map, context),
          valid: readValidWindow(map, context),
          respond: readRespond(map, action, context),
        }
      : { condition: null, valid: null, respond: null }),
    position,
  };
}

const NOTHING = { name: null, from: null, to: null, when: [], condition: null, valid: null, respond: null } as const;

function readAlternatives<Alternative extends Source | Operation>(
  rule: MapNode,
  list: 'from' | 'to',
  inner: 'source' | 'operation',
  read: (map: MapNode, context: Context) => Alternative,
  context: Context,
): readonly Alternative[] | null {
  const items = listField(rule, list, context.report);
  if (items === null || items.items.length === 0) return null;
  const alternatives: Alternative[] = [];
  for (const item of items.items) {
    const body = innerMap(item, list, inner, context);
    if (body !== null) alternatives.push(read(body, context));
  }
  return alternatives;
}

/** The `source` of a `from` entry; Istio refuses one that is left out or null. */
function innerMap(item: Node, list: 'from' | 'to', inner: 'source' | 'operation', context: Context): MapNode | null {
  const isNull = item.kind === 'scalar' && item.value === null;
  const map = isNull ? null : asMap(item, context.report);
  const value = map === null ? undefined : fieldOf(map, inner);
  if (value !== undefined) return asMap(value, context.report);
  // The schema of our own kinds has said it.
  if (context.dialect === 'istio' && (isNull || map !== null)) {
    const entry = map === null ? undefined : entryOf(map, inner);
    context.report.error(
      inner === 'source' ? 'empty-source' : 'empty-operation',
      entry === undefined || map === null ? positionOf(item) : keyPosition(map, entry),
      `an entry of \`${list}\` needs a \`${inner}\``,
      `leave \`${list}\` out for any ${inner}`,
    );
  }
  return null;
}

function readWhen(rule: MapNode, context: Context): readonly Condition[] {
  const conditions: Condition[] = [];
  const list: ListNode | null = listField(rule, 'when', context.report);
  for (const item of list?.items ?? []) {
    if (item.kind === 'scalar' && item.value === null) {
      context.report.error(
        'missing-field',
        positionOf(item),
        'the field `key` is missing',
        'e.g. `request.headers[x-tenant]`',
      );
      continue;
    }
    const map = asMap(item, context.report);
    const condition = map === null ? null : readCondition(map, context);
    if (condition !== null) conditions.push(condition);
  }
  return conditions;
}
