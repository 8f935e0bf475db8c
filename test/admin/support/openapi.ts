/** The description of the API, and whether an answer is as it says. */
import { readFileSync } from 'node:fs';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { parse } from 'yaml';

interface Operation {
  readonly operationId: string;
  readonly security?: readonly object[];
  readonly parameters?: readonly ({ readonly name: string; readonly in: string } | Reference)[];
  readonly responses: Readonly<Record<string, Response | Reference>>;
  readonly requestBody?: unknown;
}

interface Response {
  readonly content?: Readonly<Record<string, { readonly schema: object }>>;
}

interface Reference {
  readonly $ref: string;
}

export interface Description {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Partial<Record<'get' | 'post', Operation>>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

export const DESCRIPTION = parse(
  readFileSync(new URL('../../../src/admin/openapi.yaml', import.meta.url), 'utf8'),
) as Description;

const ID = 'https://portcullis.example/admin';
const ajv = new Ajv2020({
  strict: false,
  allErrors: true,
  formats: { 'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, base64: true },
});
ajv.addSchema({ ...DESCRIPTION, $id: ID });

const compiled = new Map<string, ValidateFunction>();

function validatorOf(pointer: string): ValidateFunction {
  let validate = compiled.get(pointer);
  if (validate === undefined) {
    validate = ajv.compile({ $ref: `${ID}#${pointer}` });
    compiled.set(pointer, validate);
  }
  return validate;
}

/** The path of the description that a request is for; null: none. */
function describedPath(path: string): string | null {
  if (path in DESCRIPTION.paths) return path;
  const parent = path.slice(0, path.lastIndexOf('/') + 1);
  return Object.keys(DESCRIPTION.paths).find((each) => each.startsWith(`${parent}{`)) ?? null;
}

/** What of an answer is not as described; refusals that every path has in common are errors of the API in form. */
export function unlikeDescription(
  method: string,
  path: string,
  { status, contentType, body }: { readonly status: number; readonly contentType: string; readonly body: string },
): readonly string[] {
  const described = describedPath(path);
  if (described === null) return [`${path} is not described`];
  if (status === 405 || status === 421) return [];
  const at = `/paths/${described.replaceAll('~', '~0').replaceAll('/', '~1')}/${method.toLowerCase()}/responses/${status}`;
  const response = lookUp(at) as Response | Reference | undefined;
  if (response === undefined) return [`${method} ${described} has no answer ${status}`];
  const pointer = '$ref' in response ? response.$ref.slice(1) : at;
  const { content = {} } = lookUp(pointer) as Response;
  const type = contentType.split(';')[0]!;
  if (content[type] === undefined) return [`${method} ${described} ${status} is no ${type}`];
  if (type !== 'application/json') return [];
  const escaped = type.replaceAll('/', '~1');
  return problems(validatorOf(`${pointer}/content/${escaped}/schema`), JSON.parse(body));
}

function lookUp(pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((at, step) => (at as Record<string, unknown> | undefined)?.[step], DESCRIPTION);
}

function problems(validate: ValidateFunction, value: unknown): readonly string[] {
  if (validate(value)) return [];
  return (validate.errors ?? []).map(
    ({ instancePath, message, params }) => `${instancePath}: ${message ?? ''} ${JSON.stringify(params)}`,
  );
}
