/** `node src/config/write-json-schema.ts`: writes policies/schema/config.schema.json. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { configJsonSchemaText } from './json-schema.ts';

const target = new URL('../../policies/schema/config.schema.json', import.meta.url);
mkdirSync(new URL('.', target), { recursive: true });
writeFileSync(target, configJsonSchemaText());
