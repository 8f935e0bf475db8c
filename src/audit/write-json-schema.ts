/** `node src/audit/write-json-schema.ts`: writes policies/schema/decision-record.schema.json. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { recordSchemaText } from './record-schema.ts';

const target = new URL('../../policies/schema/decision-record.schema.json', import.meta.url);
mkdirSync(new URL('.', target), { recursive: true });
writeFileSync(target, recordSchemaText());
