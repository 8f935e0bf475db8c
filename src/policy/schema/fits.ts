/**
 * A look at a tree that tells quickly that its schema takes it. Most documents are fine, and zod's walk over plain
 * data made from them was a third of what is left of loading.
 *
 * INVARIANT: true only where zod takes the document. The look is made from the zod schema itself, and a form that
 * it does not know fits nothing, so that zod decides. What is wrong is zod's to find.
 */
import * as z from 'zod';
import type { Node } from '../parse/node.ts';

export type Fits = (node: Node) => boolean;

const MADE = new WeakMap<z.core.$ZodType, Fits>();

export function fitsOf(schema: z.core.$ZodType): Fits {
  let fits = MADE.get(schema);
  if (fits === undefined) {
    fits = make(schema);
    MADE.set(schema, fits);
  }
  return fits;
}

const unknownForm: Fits = () => false;

function make(schema: z.core.$ZodType): Fits {
  const checks = (schema._zod.def.checks ?? []).map(({ _zod: { def } }) => def);
  if (schema instanceof z.ZodString) return 'coerce' in schema.def ? unknownForm : string(checks, schema.def);
  if (schema instanceof z.ZodArray) return list(fitsOf(schema.element), checks);
  if (checks.length > 0) return unknownForm;
  if (schema instanceof z.ZodOptional) return fitsOf(schema.unwrap());
  if (schema instanceof z.ZodNullable) return nullable(fitsOf(schema.unwrap()));
  if (schema instanceof z.ZodObject) return strictObject(schema);
  if (schema instanceof z.ZodRecord) return record(schema);
  if (schema instanceof z.ZodEnum) return oneOf(schema.options);
  if (schema instanceof z.ZodLiteral) return oneOf([...schema.values]);
  return schema instanceof z.ZodUnknown ? () => true : unknownForm;
}

function string(checks: readonly z.core.$ZodCheckDef[], def: z.core.$ZodStringDef): Fits {
  // Formats such as z.email() are strings that carry their check in themselves.
  if ('check' in def || 'format' in def) return unknownForm;
  const size = sizeOf(checks.filter(({ check }) => check !== 'string_format'));
  const patterns: RegExp[] = [];
  for (const check of checks) {
    if (check.check !== 'string_format') continue;
    const { format, pattern } = check as z.core.$ZodCheckStringFormatDef;
    // A pattern with a memory would answer differently the second time.
    if (format !== 'regex' || pattern === undefined || pattern.global || pattern.sticky) return unknownForm;
    patterns.push(pattern);
  }
  if (size === null) return unknownForm;
  // zod counts code points, which are one or two units each.
  const min = size.min <= 1 ? size.min : 2 * size.min;
  const { max } = size;
  return (node) => {
    if (node.kind !== 'scalar' || typeof node.value !== 'string') return false;
    const { value } = node;
    return value.length >= min && value.length <= max && patterns.every((pattern) => pattern.test(value));
  };
}

function list(element: Fits, checks: readonly z.core.$ZodCheckDef[]): Fits {
  const size = sizeOf(checks);
  if (size === null) return unknownForm;
  const { min, max } = size;
  return (node) =>
    node.kind === 'list' && node.items.length >= min && node.items.length <= max && node.items.every(element);
}

/** null: there is another check among them. */
function sizeOf(checks: readonly z.core.$ZodCheckDef[]): { readonly min: number; readonly max: number } | null {
  let min = 0;
  let max = Infinity;
  for (const check of checks) {
    if (check.check === 'min_length') min = Math.max(min, (check as z.core.$ZodCheckMinLengthDef).minimum);
    else if (check.check === 'max_length') max = Math.min(max, (check as z.core.$ZodCheckMaxLengthDef).maximum);
    else return null;
  }
  return { min, max };
}

function nullable(inner: Fits): Fits {
  return (node) => (node.kind === 'scalar' && node.value === null) || inner(node);
}

function strictObject(schema: z.ZodObject): Fits {
  if (!(schema.def.catchall instanceof z.ZodNever)) return unknownForm;
  const fields = new Map<string, Fits>();
  const needed = new Set<string>();
  const shape: Readonly<Record<string, z.core.$ZodType>> = schema.shape;
  for (const [key, field] of Object.entries(shape)) {
    fields.set(key, fitsOf(field));
    if (!(field instanceof z.ZodOptional)) needed.add(key);
  }
  return (node) => {
    if (node.kind !== 'map') return false;
    let missing = needed.size;
    // The keys of a map are unique.
    for (const { key, value } of node.entries) {
      if (fields.get(key)?.(value) !== true) return false;
      if (missing > 0 && needed.has(key)) missing--;
    }
    return missing === 0;
  };
}

function record(schema: z.ZodRecord): Fits {
  const { keyType, valueType } = schema;
  if (!(keyType instanceof z.ZodString) || 'coerce' in keyType.def || (keyType.def.checks ?? []).length > 0)
    return unknownForm;
  const fits = fitsOf(valueType);
  return (node) => node.kind === 'map' && node.entries.every(({ key, value }) => key !== '__proto__' && fits(value));
}

function oneOf(values: readonly unknown[]): Fits {
  const known = new Set(values.filter((value) => typeof value === 'string'));
  return (node) => node.kind === 'scalar' && typeof node.value === 'string' && known.has(node.value);
}
