/**
 * JSON Schemas for editors, made from the definitions that validate. Draft 7: what every editor's YAML
 * support takes.
 */
import * as z from 'zod';
import type { Kind } from '../parse/objects.ts';
import { KIND_VERSIONS } from '../parse/objects.ts';
import { KIND_SCHEMAS } from './kinds.ts';
import { policyTestFile } from './policy-test.ts';

type JsonSchema = Readonly<Record<string, unknown>>;

const DRAFT = 'http://json-schema.org/draft-07/schema#';

/** Text of each file of policies/schema/ that is made here, by file name. */
export function schemaFiles(): ReadonlyMap<string, string> {
  return new Map([
    ['policies.schema.json', text(anyKind(), 'Portcullis policies', 'A file of policies: every kind that is read.')],
    [
      'access-policy.schema.json',
      text(
        ofKind('AccessPolicy'),
        'AccessPolicy',
        'portcullis.dev/v1 AccessPolicy: who may do what to which workload.',
      ),
    ],
    [
      'identity-provider.schema.json',
      text(
        ofKind('IdentityProvider'),
        'IdentityProvider',
        'portcullis.dev/v1 IdentityProvider: how callers prove who they are.',
      ),
    ],
    [
      'principal-group.schema.json',
      text(ofKind('PrincipalGroup'), 'PrincipalGroup', 'portcullis.dev/v1 PrincipalGroup: principals under one name.'),
    ],
    [
      'policy-test.schema.json',
      text(bare(policyTestFile), 'Policy tests', '*.test.yaml: requests in short form with the decision expected.'),
    ],
  ]);
}

function text(schema: JsonSchema, title: string, description: string): string {
  return `${JSON.stringify({ $schema: DRAFT, title, description, ...schema }, null, 2)}\n`;
}

function ofKind(kind: Kind): JsonSchema {
  return bare(KIND_SCHEMAS[kind]);
}

function bare(schema: z.ZodType): JsonSchema {
  const {
    $schema: _draft,
    description: _description,
    ...rest
  } = z.toJSONSchema(schema, { target: 'draft-7', io: 'input' });
  return rest;
}

/** Whichever kind a document says it is, and `kind: List` of them. */
function anyKind(): JsonSchema {
  const kinds = Object.keys(KIND_VERSIONS) as Kind[];
  const whenKind = (kind: string, then: JsonSchema): JsonSchema => ({
    if: { properties: { kind: { const: kind } }, required: ['kind'] },
    then,
  });
  return {
    type: 'object',
    properties: {
      apiVersion: { type: 'string' },
      kind: { enum: [...kinds, 'List'], description: 'What the object is.' },
    },
    required: ['apiVersion', 'kind'],
    allOf: [
      ...kinds.map((kind) => whenKind(kind, { $ref: `#/definitions/${kind}` })),
      whenKind('List', { properties: { items: { type: 'array', items: { $ref: '#' } } }, required: ['items'] }),
    ],
    definitions: Object.fromEntries(kinds.map((kind) => [kind, ofKind(kind)])),
  };
}
