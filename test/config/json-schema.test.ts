import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from '@jest/globals';
import { configJsonSchema, configJsonSchemaText } from '../../src/config/json-schema.ts';

describe('the JSON Schema of the configuration file', () => {
  it('in policies/schema is what the definition says (node src/config/write-json-schema.ts writes it)', () => {
    const published = readFileSync(new URL('../../policies/schema/config.schema.json', import.meta.url), 'utf8');
    expect(published).toBe(configJsonSchemaText());
  });

  const validate = new Ajv2020({ strict: true }).compile(configJsonSchema());

  it.each([
    [{}],
    [{ cache: { ttlSeconds: 1.5 }, responses: { forbidden: { status: 404, headers: { a: 'b' } } } }],
    [{ tls: { certFile: 'c', keyFile: 'k' } }],
    [{ admin: '127.0.0.1:1' }],
    [{ admin: { address: '127.0.0.1:1', recent: { maxEntries: 0 } } }],
  ])('accepts %j', (value) => {
    expect(validate(value)).toBe(true);
  });

  it.each([
    [{ cach: {} }],
    [{ defaultAction: 'deny' }],
    [{ responses: { forbidden: { status: 200 } } }],
    [{ tls: { certFile: 'c' } }],
    [{ policies: [] }],
    [{ admin: 1 }],
    [{ admin: { adress: '' } }],
  ])('refuses %j', (value) => {
    expect(validate(value)).toBe(false);
  });
});
