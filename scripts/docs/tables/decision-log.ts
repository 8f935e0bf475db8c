/** The fields of each kind of line of the decision log, from the schema that is published. */
import { recordSchemaText } from '../../../src/audit/record-schema.ts';
import { typeText } from '../json-schema.ts';
import type { Schema } from '../json-schema.ts';
import { code, table } from '../markdown.ts';
import type { Row } from '../markdown.ts';

export function decisionLog(): string {
  const { oneOf = [] } = JSON.parse(recordSchemaText()) as Schema;
  return oneOf.map(lineText).join('\n\n');
}

function lineText(line: Schema): string {
  const name = String(line.properties?.['msg']?.const);
  return `## ${code(name)}\n\n${line.description ?? ''}\n\n${table(['field', 'type', 'meaning'], rows(line, ''))}`;
}

function rows({ properties = {}, required = [] }: Schema, above: string): readonly Row[] {
  return Object.entries(properties)
    .filter(([field]) => field !== 'msg')
    .flatMap(([field, property]) => {
      const path = above + field;
      const type = typeText(property) + (required.includes(field) ? '' : ', or absent');
      // What may be null is a choice of a map and null.
      const inner = [property, ...(property.anyOf ?? [])].flatMap((each) => rows(each, `${path}.`));
      return [[code(path), type, property.description ?? ''], ...inner];
    });
}
