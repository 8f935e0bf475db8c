/** `from[].source` and `to[].operation`: fields with values and their notX twins. */
import type { MapNode } from '../parse/node.ts';
import { keyPlace, positionOf } from '../parse/node.ts';
import type { Operation, Source, SourceField, ValueList } from '../model.ts';
import { OPERATION_CHECKS, SOURCE_CHECKS } from '../validate/fields.ts';
import { MAX_SERVICE_ACCOUNT_VALUES } from '../validate/service-account.ts';
import type { Context, Dialect, ValueCheck } from '../validate/value-check.ts';
import { stringsField, valueList } from './fields.ts';

export function readSource(map: MapNode, context: Context): Source {
  const source = readFieldPairs(map, SOURCE_FIELDS, context);
  if (context.dialect === 'istio') checkServiceAccountsAlone(map, source, context);
  if (saysNothing(map, context.dialect)) {
    context.report.error(
      'empty-source',
      positionOf(map),
      'a `source` must say something',
      'leave `from` out for any source',
    );
  }
  return { ...source, position: positionOf(map) };
}

export function readOperation(map: MapNode, context: Context): Operation {
  const operation = readFieldPairs(map, OPERATION_FIELDS, context);
  if (saysNothing(map, context.dialect)) {
    context.report.error(
      'empty-operation',
      positionOf(map),
      'an `operation` must say something',
      'leave `to` out for any operation',
    );
  }
  return { ...operation, position: positionOf(map) };
}

interface FieldPairs<Field extends string> {
  readonly is: Partial<Record<Field, ValueList>>;
  readonly not: Partial<Record<Field, ValueList>>;
}

function readFieldPairs<Field extends string>(
  map: MapNode,
  fields: readonly FieldPair<Field>[],
  context: Context,
): FieldPairs<Field> {
  const is: Partial<Record<Field, ValueList>> = {};
  const not: Partial<Record<Field, ValueList>> = {};
  for (const { field, notField, check } of fields) {
    if (context.dialect === 'istio' && field === 'groups') continue;
    const positive = readValues(map, field, check, context);
    const negative = readValues(map, notField, check, context);
    if (positive !== null) is[field] = positive;
    if (negative !== null) not[field] = negative;
  }
  return { is, not };
}

interface FieldPair<Field extends string> {
  readonly field: Field;
  readonly notField: string;
  readonly check: ValueCheck;
}

function fieldPairs<Field extends string>(checks: Readonly<Record<Field, ValueCheck>>): readonly FieldPair<Field>[] {
  const entries = Object.entries(checks) as [Field, ValueCheck][];
  return entries.map(([field, check]) => ({ field, notField: notName(field), check }));
}

const SOURCE_FIELDS = fieldPairs(SOURCE_CHECKS);
const OPERATION_FIELDS = fieldPairs(OPERATION_CHECKS);

export function notName(field: string): string {
  return `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
}

/** null: absent or empty, that is no condition. */
export function readValues(map: MapNode, key: string, check: ValueCheck, context: Context): ValueList | null {
  const strings = stringsField(map, key, context.report);
  if (strings === null) return null;
  for (const text of strings) check(text, context);
  return valueList(map, key, strings);
}

/**
 * In Istio empty lists and nulls are as if absent; our schema refuses those. Fields of a wrong form have been
 * reported as that.
 */
function saysNothing(map: MapNode, dialect: Dialect): boolean {
  if (dialect === 'access') return map.entries.length === 0;
  return map.entries.every(({ value }) =>
    value.kind === 'list' ? value.items.length === 0 : value.kind === 'scalar' && value.value === null,
  );
}

/** Istio refuses serviceAccounts beside principals or namespaces (ValidateAuthorizationPolicy), and more than 16 of them. */
function checkServiceAccountsAlone(map: MapNode, source: FieldPairs<SourceField>, context: Context): void {
  const { is, not } = source;
  const accounts = [is.serviceAccounts, not.serviceAccounts];
  for (const [i, list] of accounts.entries()) {
    if (list !== undefined && list.values.length > MAX_SERVICE_ACCOUNT_VALUES) {
      const message = `\`${i === 0 ? 'serviceAccounts' : 'notServiceAccounts'}\` has more than ${MAX_SERVICE_ACCOUNT_VALUES} values`;
      context.report.error('too-many', list.position, message, 'Istio refuses it: use several sources');
    }
  }
  const others = [is.principals, not.principals, is.namespaces, not.namespaces];
  if (accounts.every((list) => list === undefined) || others.every((list) => list === undefined)) return;
  context.report.error(
    'conflicting-fields',
    keyPlace(map, is.serviceAccounts === undefined ? 'notServiceAccounts' : 'serviceAccounts'),
    '`serviceAccounts` cannot stand beside `principals` or `namespaces` in one source',
    'Istio refuses it: `ns/sa` in `serviceAccounts` names the namespace already',
  );
}
