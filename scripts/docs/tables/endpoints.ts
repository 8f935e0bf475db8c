/** What the admin port answers, from its OpenAPI description, which its own tests hold to what it serves. */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { code, table } from '../markdown.ts';

interface Parameter {
  readonly $ref?: string;
  readonly name?: string;
  readonly in?: string;
}

interface Operation {
  readonly summary: string;
  readonly parameters?: readonly Parameter[];
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly parameters?: Readonly<Record<string, Parameter>> };
}

const FILE = new URL('../../../src/admin/openapi.yaml', import.meta.url);

export function endpoints(): string {
  const { paths, components } = parse(readFileSync(FILE, 'utf8')) as Description;
  const questionOf = (parameters: readonly Parameter[]): string =>
    parameters
      .map(({ $ref, ...own }) => ($ref === undefined ? own : components.parameters?.[$ref.split('/').at(-1)!]))
      .filter((parameter) => parameter?.in === 'query')
      .map((parameter) => code(parameter?.name ?? ''))
      .join(', ');
  return table(
    ['endpoint', 'parameters', 'is'],
    Object.entries(paths).flatMap(([path, operations]) =>
      Object.entries(operations).map(([method, { summary, parameters = [] }]) => [
        code(`${method.toUpperCase()} ${path}`),
        questionOf(parameters),
        summary,
      ]),
    ),
  );
}
