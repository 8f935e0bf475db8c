/** Where a request carries a token or key. */
import { asMap } from '../parse/expect.ts';
import type { StringNode } from '../parse/expect.ts';
import { positionOf } from '../parse/node.ts';
import type { MapNode } from '../parse/node.ts';
import type { ProofLocations } from '../identity-model.ts';
import type { Context } from '../validate/value-check.ts';
import { listField, stringField, stringsField } from './fields.ts';
import { neededText } from './output-headers.ts';

/** RFC 9110 §5.1. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/;

/** Names of the three fields differ between the kinds. */
export interface LocationFields {
  readonly headers: string;
  readonly params: string;
  readonly cookies: string;
}

export function readLocations(map: MapNode, fields: LocationFields, context: Context): ProofLocations {
  const names = (key: string): string[] =>
    (stringsField(map, key, context.report) ?? [])
      .filter((text) => isName(text, context))
      .map((text) => text.value)
      .filter(isFirst);
  return {
    headers: readHeaders(map, fields.headers, context),
    params: names(fields.params),
    cookies: names(fields.cookies),
  };
}

/** RFC 6265 §4.1.1 for cookies; a parameter of any other name could be spelt in many ways. */
const NAME = HEADER_NAME;

function isName(text: StringNode, { report }: Context): boolean {
  if (NAME.test(text.value)) return true;
  report.error(
    'bad-value',
    positionOf(text),
    `\`${text.value}\` is not a name of a parameter or cookie that a proof can be taken from`,
    "a name is up to 128 letters, digits and `-._~!#$%&'*+^|` without blanks",
  );
  return false;
}

function isFirst(value: string, index: number, all: readonly string[]): boolean {
  return all.indexOf(value) === index;
}

function readHeaders(map: MapNode, key: string, context: Context): ProofLocations['headers'] {
  const { report } = context;
  const headers: { name: string; prefix: string }[] = [];
  for (const item of listField(map, key, report)?.items ?? []) {
    const location = asMap(item, report);
    if (location === null) continue;
    const name = neededText(location, 'name', context);
    const prefix = stringField(location, 'prefix', report)?.value ?? '';
    if (name === null) continue;
    if (HEADER_NAME.test(name.value)) headers.push({ name: name.value.toLowerCase(), prefix });
    else {
      report.error(
        'bad-header-name',
        positionOf(name),
        `\`${name.value}\` is not a header name`,
        'a name is letters, digits and `-`',
      );
    }
  }
  return headers;
}
