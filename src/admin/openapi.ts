/** openapi.yaml, as JSON. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

let text: string | undefined;

export function openapiJson(): string {
  text ??= JSON.stringify(parse(readFileSync(new URL('./openapi.yaml', import.meta.url), 'utf8')));
  return text;
}
