/** Which schema stands at a path, and which keys it knows: for "did you mean". */
import * as z from 'zod';

export function childSchema(schema: z.core.$ZodType, path: readonly (string | number)[]): z.core.$ZodType | null {
  let at: z.core.$ZodType | null = unwrap(schema);
  for (const step of path) {
    if (at instanceof z.ZodObject) at = (at.shape as Record<string, z.core.$ZodType>)[step] ?? null;
    else if (at instanceof z.ZodArray) at = at.element;
    else if (at instanceof z.ZodRecord) at = at.valueType;
    else return null;
    if (at === null) return null;
    at = unwrap(at);
  }
  return at;
}

export function knownKeys(schema: z.core.$ZodType | null): string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  let at = schema;
  while (at instanceof z.ZodOptional || at instanceof z.ZodNullable) at = at.unwrap();
  return at;
}
