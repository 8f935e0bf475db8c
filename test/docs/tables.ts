/** The reference tables of README.md, as the sources would have them: what the page says is compared with these. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ALL_REASONS, reasonFacts } from '../../src/pdp/reason.ts';
import { METRICS, prometheusName } from '../../src/telemetry/names.ts';

/** Cells of one row, as Markdown. */
export type Row = readonly string[];

const ROOT = join(import.meta.dirname, '../..');

interface Property {
  readonly default?: unknown;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Property>>;
}

/** From the published schema, which its own test holds equal to the definition that validates. */
export function settingRows(): readonly Row[] {
  const schema = JSON.parse(readFileSync(join(ROOT, 'policies/schema/config.schema.json'), 'utf8')) as Property;
  return onceForEachKind(settings(schema, ''));
}

function settings({ properties = {} }: Property, above: string): Row[] {
  return Object.entries(properties).flatMap(([key, property]) =>
    property.properties === undefined
      ? [[code(above + key), defaultText(property.default), property.description ?? '']]
      : settings(property, `${above}${key}.`),
  );
}

/** The kinds of denials have the same keys: the page says them once, as `responses.KIND.status`. */
function onceForEachKind(rows: readonly Row[]): readonly Row[] {
  const named = rows.map(([key = '', ...rest]) => [key.replace(/responses\.\w+/, 'responses.KIND'), ...rest]);
  return named.filter((row, index) => named.findIndex(([key]) => key === row[0]) === index);
}

function defaultText(value: unknown): string {
  if (value === undefined || value === '') return '';
  return code(typeof value === 'string' ? value : JSON.stringify(value));
}

export function reasonRows(): readonly Row[] {
  return ALL_REASONS.map((reason) => {
    const { status, meaning } = reasonFacts(reason);
    return [code(reason), String(status), meaning];
  });
}

export function metricRows(): readonly Row[] {
  return Object.values(METRICS).map((metric) => {
    const labels = metric.attributes.map(code).join(', ');
    return [code(prometheusName(metric)), metric.kind, labels, metric.description];
  });
}

function code(text: string): string {
  return `\`${text}\``;
}

/** Body rows of the Markdown table below the heading. */
export function tableUnder(heading: string, page: string): readonly Row[] {
  const lines = page.slice(page.indexOf(`\n## ${heading}\n`)).split('\n');
  const first = lines.findIndex((line) => line.startsWith('| '));
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  return lines.slice(first + 2, first + length).map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}

/** The rows as lines of Markdown, to paste. */
export function markdown(rows: readonly Row[]): string {
  return rows.map((row) => `| ${row.join(' | ')} |`).join('\n');
}
