/**
 * Reading fields of a tree whose structure was checked (schema/structure.ts). What has the wrong form is
 * reported again (the report knows it already) and read as absent, so that all other problems are found too.
 */
import { asList, asMap, asString, isYaml11Boolean } from '../parse/expect.ts';
import type { StringNode } from '../parse/expect.ts';
import { entryOf, keyPlace, positionOf } from '../parse/node.ts';
import type { ListNode, MapNode, Node } from '../parse/node.ts';
import type { ValueList } from '../model.ts';
import type { Report } from '../report.ts';

/** undefined: absent, or null, which is a field left out in protobuf JSON (and refused by the schema of our kinds). */
export function fieldOf(map: MapNode, key: string): Node | undefined {
  const value = entryOf(map, key)?.value;
  return value?.kind === 'scalar' && value.value === null ? undefined : value;
}

export function mapField(map: MapNode, key: string, report: Report): MapNode | null {
  const value = fieldOf(map, key);
  return value === undefined ? null : asMap(value, report);
}

export function listField(map: MapNode, key: string, report: Report): ListNode | null {
  const value = fieldOf(map, key);
  return value === undefined ? null : asList(value, report);
}

export function stringField(map: MapNode, key: string, report: Report): StringNode | null {
  const value = fieldOf(map, key);
  return value === undefined ? null : asText(value, report);
}

/** The strings of a list; null when it is absent or empty, which mean the same in every kind. */
export function stringsField(map: MapNode, key: string, report: Report): StringNode[] | null {
  const list = listField(map, key, report);
  if (list === null || list.items.length === 0) return null;
  const strings: StringNode[] = [];
  for (const item of list.items) {
    const text = asText(item, report);
    if (text === null) continue;
    if (text.value === '')
      report.error('empty-value', positionOf(text), 'the string is empty', `remove it from \`${key}\``);
    else strings.push(text);
  }
  return strings;
}

/** null: absent, or no boolean (which the schema reports). */
export function booleanField(map: MapNode, key: string): boolean | null {
  const value = fieldOf(map, key);
  return value?.kind === 'scalar' && typeof value.value === 'boolean' ? value.value : null;
}

/** null: absent, or no integer (which the schema reports). */
export function integerField(map: MapNode, key: string): number | null {
  const value = fieldOf(map, key);
  return value?.kind === 'scalar' && Number.isInteger(value.value) ? (value.value as number) : null;
}

/** A map of strings, as labels are. */
export function textMapField(map: MapNode, key: string, report: Report): Map<string, StringNode> {
  const values = new Map<string, StringNode>();
  for (const entry of mapField(map, key, report)?.entries ?? []) {
    const text = asText(entry.value, report);
    if (text !== null) values.set(entry.key, text);
  }
  return values;
}

export function valueList(map: MapNode, key: string, strings: readonly StringNode[]): ValueList {
  return { values: strings.map((text) => text.value), position: keyPlace(map, key) };
}

/** A string; a word that YAML 1.1 reads as a boolean has to be quoted. */
export function asText(node: Node, report: Report): StringNode | null {
  const text = asString(node, report);
  if (text !== null && isYaml11Boolean(text)) {
    report.error(
      'yaml-boolean',
      positionOf(text),
      `\`${text.value}\` without quotes is a boolean to kubectl and Istio, which read YAML 1.1`,
      `write it in quotes: "${text.value}"`,
    );
  }
  return text;
}
