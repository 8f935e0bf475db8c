/** Every key of the service configuration, a section for each key of the first level that has others below it. */
import { configJsonSchema } from '../../../src/config/json-schema.ts';
import { SETTINGS, settingPathText, SHORT_SETTINGS } from '../../../src/config/settings.ts';
import type { SettingKind } from '../../../src/config/settings.ts';
import { typeText, value } from '../json-schema.ts';
import type { Schema } from '../json-schema.ts';
import { code, table } from '../markdown.ts';
import type { Row } from '../markdown.ts';

const HEAD: Row = ['key', 'type', 'default', 'meaning'];

export function configuration(): string {
  const entries = Object.entries((configJsonSchema() as Schema).properties ?? {});
  const single = entries.filter(([, property]) => mapOf(property) === null);
  const grouped = entries.filter(([, property]) => mapOf(property) !== null);
  return [
    `## Keys of the first level\n\n${table(HEAD, onceForEachKind(rows(single, '')))}`,
    ...grouped.map(([key, property]) => section(key, property)),
  ].join('\n\n');
}

/** What is written with keys below it: a map, or a choice of which one is a map. */
function mapOf(property: Schema): Schema | null {
  const choices = [property, ...(property.anyOf ?? [])];
  return choices.find(({ properties }) => properties !== undefined) ?? null;
}

function section(key: string, property: Schema): string {
  const short = property.anyOf?.find(({ type }) => type === 'string')?.description;
  const description = property.description ?? (short === undefined ? undefined : `As a text: ${short}`);
  const about = description === undefined ? '' : `${description}\n\n`;
  return `## ${key}\n\n${about}${table(HEAD, onceForEachKind(below(property, `${key}.`)))}`;
}

function below(property: Schema, above: string): readonly Row[] {
  return rows(Object.entries(mapOf(property)?.properties ?? {}), above);
}

function rows(entries: readonly (readonly [string, Schema])[], above: string): readonly Row[] {
  return entries.flatMap(([key, property]) => {
    const path = above + key;
    if (mapOf(property) !== null) return below(property, `${path}.`);
    const own = [code(path), typeText(property), defaultText(property.default), property.description ?? ''];
    const items = typeof property.items === 'object' ? below(property.items, `${path}[].`) : [];
    return [own, ...items];
  });
}

/** The kinds of denials have the same keys: the page says them once, as `responses.KIND.status`. */
function onceForEachKind(all: readonly Row[]): readonly Row[] {
  const named = all.map(([key = '', ...rest]) => [key.replace(/responses\.\w+/, 'responses.KIND'), ...rest]);
  return named.filter((row, index) => named.findIndex(([key]) => key === row[0]) === index);
}

function defaultText(of: unknown): string {
  return of === undefined ? '' : value(of);
}

const FORMS: Readonly<Record<SettingKind, string>> = {
  text: 'the text',
  number: 'a decimal number, without a unit',
  boolean: '`true` or `false`',
  list: 'entries separated by commas',
  map: 'a JSON object of texts',
  maps: 'a JSON list of objects',
};

export function environment(): string {
  return table(
    ['variable', 'key', 'form'],
    [...SETTINGS, ...SHORT_SETTINGS].map(({ variable, path, kind }) => [
      code(variable),
      code(settingPathText(path)),
      FORMS[kind],
    ]),
  );
}
