import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { recordSchemaText } from '../../src/audit/record-schema.ts';

it('in policies/schema is what the definition says (node src/audit/write-json-schema.ts writes it)', () => {
  const published = readFileSync(new URL('../../policies/schema/decision-record.schema.json', import.meta.url), 'utf8');
  expect(published).toBe(recordSchemaText());
});
