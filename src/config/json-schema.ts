/** The configuration file as JSON Schema (draft 2020-12), for editors; made from the one definition. */
import * as z from 'zod';
import { configSchema } from './schema.ts';
import { SHORT_FORMS } from './settings.ts';

/** Describes what may be written, not what comes out: every key optional, defaults named. */
export function configJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(configSchema, { io: 'input' });
  const properties = { ...schema.properties };
  for (const [map, key] of SHORT_FORMS) {
    const description = `Short for a map with nothing but \`${key}\`.`;
    properties[map] = { anyOf: [{ type: 'string', description }, properties[map]] } as (typeof properties)[string];
  }
  return {
    ...(schema as Record<string, unknown>),
    properties,
    title: 'Portcullis service configuration',
    description: 'The file given with --config. Every key is optional.',
  };
}

/** The text of policies/schema/config.schema.json, as the formatter would leave it alone. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`;
}
