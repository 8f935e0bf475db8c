/** What a JSON Schema says of a value, in the words of the reference pages. */
import { code } from './markdown.ts';

/** As much of JSON Schema as the published schemas use. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema | boolean;
  readonly prefixItems?: readonly Schema[];
  readonly required?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
}

/** `whole number, 1 to 256`, `list of texts`. @throws for a form that has no words yet */
export function typeText(schema: Schema): string {
  if (schema.const !== undefined) return value(schema.const);
  if (schema.enum !== undefined) return schema.enum.map(value).join(', ');
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return [...new Set(choices.map(typeText))].join(' or ');
  const { type } = schema;
  if (typeof type === 'object') return type.map((each) => typeText({ ...schema, type: each })).join(' or ');
  switch (type) {
    case 'string':
      return 'text';
    case 'boolean':
      return '`true`, `false`';
    case 'null':
      return '`null`';
    case 'integer':
      return `whole number${bounds(schema)}`;
    case 'number':
      return `number${bounds(schema)}`;
    case 'array':
      return listText(schema);
    case 'object':
      return schema.properties === undefined && typeof schema.additionalProperties === 'object'
        ? `map of ${plural(schema.additionalProperties)}`
        : 'map';
    case undefined:
      return 'any value';
    default:
      throw new Error(`no words for the type ${type}`);
  }
}

function listText({ items, prefixItems }: Schema): string {
  if (prefixItems !== undefined) return `list: ${prefixItems.map(typeText).join('; ')}`;
  return typeof items === 'object' ? `list of ${plural(items)}` : 'list';
}

function plural(schema: Schema): string {
  if (schema.enum !== undefined) return typeText(schema);
  const text = typeText(schema);
  return text === 'text' ? 'texts' : text === 'map' ? 'maps' : text;
}

/** Bounds that the schema has only because numbers of JSON end there are none. */
function bounds({ minimum, maximum }: Schema): string {
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (low !== undefined && high !== undefined) return `, ${low} to ${high}`;
  if (low !== undefined) return `, ${low} or more`;
  return high === undefined ? '' : `, at most ${high}`;
}

export function value(of: unknown): string {
  if (of === '') return 'empty';
  return code(typeof of === 'string' ? of : JSON.stringify(of));
}
