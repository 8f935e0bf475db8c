/**
 * Every single setting of the schema, with the name of its environment variable. Variables and flags
 * are thereby never listed by hand.
 */
import * as z from 'zod';
import { configSchema } from './schema.ts';

/** How the text of an environment variable is read. */
export type SettingKind = 'text' | 'number' | 'boolean' | 'list' | 'map' | 'maps';

export interface Setting {
  /** Keys from the root of the file, such as `['cache', 'ttlSeconds']`. */
  readonly path: readonly string[];
  readonly kind: SettingKind;
  /** `PORTCULLIS_CACHE_TTL_SECONDS`. */
  readonly variable: string;
}

export const VARIABLE_PREFIX = 'PORTCULLIS_';
/** Names the configuration file; it is no key of the file itself. */
export const CONFIG_FILE_VARIABLE = 'PORTCULLIS_CONFIG';

/** In the order of the schema. */
export const SETTINGS: readonly Setting[] = Object.freeze(collect(configSchema, []));

/** Maps that may be written as a text, which is then the value of this key of theirs. */
export const SHORT_FORMS: ReadonlyMap<string, string> = new Map([['admin', 'address']]);

/** What the short forms set, by their variables. */
export const SHORT_SETTINGS: readonly Setting[] = [...SHORT_FORMS].map(([map, key]) => ({
  path: [map, key],
  kind: 'text',
  variable: variableOf([map]),
}));

/** Settings that have another name now, by the old one. */
export const MOVED: ReadonlyMap<string, string> = new Map([
  ['log.denials', 'audit.denials'],
  ['log.allowSample', 'audit.allowSample'],
]);

/** `tls.allowedClients[0]`. */
export function settingPathText(path: readonly PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === 'number' ? `${text}[${String(key)}]` : `${text}${text === '' ? '' : '.'}${String(key)}`,
    '',
  );
}

/** The keys that the schema knows under `path`; none when nothing is known there. */
export function keysAt(path: readonly PropertyKey[]): readonly string[] {
  let schema: z.core.$ZodType = unwrap(configSchema);
  for (const key of path) {
    if (schema instanceof z.ZodArray && typeof key === 'number') {
      schema = unwrap(schema.element);
      continue;
    }
    if (!(schema instanceof z.ZodObject)) return [];
    const child: unknown = (schema.shape as Record<string, unknown>)[String(key)];
    if (!(child instanceof z.ZodType)) return [];
    schema = unwrap(child);
  }
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

function collect(schema: z.core.$ZodType, path: readonly string[]): Setting[] {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodObject) {
    const shape = bare.shape as Record<string, z.core.$ZodType>;
    return Object.entries(shape).flatMap(([key, child]) => collect(child, [...path, key]));
  }
  return [{ path, kind: kindOf(bare, path), variable: variableOf(path) }];
}

/** The schema of what is written, below defaults, transforms and the like. */
function unwrap(schema: z.core.$ZodType): z.core.$ZodType {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional) {
    return unwrap(schema.def.innerType);
  }
  return schema instanceof z.ZodPipe ? unwrap(schema.def.in) : schema;
}

function kindOf(schema: z.core.$ZodType, path: readonly string[]): SettingKind {
  if (schema instanceof z.ZodString || schema instanceof z.ZodEnum) return 'text';
  if (schema instanceof z.ZodNumber) return 'number';
  if (schema instanceof z.ZodBoolean) return 'boolean';
  if (schema instanceof z.ZodArray) return unwrap(schema.element) instanceof z.ZodObject ? 'maps' : 'list';
  if (schema instanceof z.ZodRecord) return 'map';
  throw new Error(`setting ${settingPathText(path)} is of a kind that no environment variable can hold`);
}

/** The environment variable of a setting. */
export function variableOf(path: readonly string[]): string {
  const words = path.map((key) => key.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase());
  return VARIABLE_PREFIX + words.join('_');
}
