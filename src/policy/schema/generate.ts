/** `node src/policy/schema/generate.ts`: writes policies/schema/*.schema.json. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { schemaFiles } from './json-schema.ts';

const folder = new URL('../../../policies/schema/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, text] of schemaFiles()) writeFileSync(new URL(name, folder), text);
