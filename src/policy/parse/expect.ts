import type { Report } from '../report.ts';
import { positionOf, written } from './node.ts';
import type { ListNode, MapNode, Node, ScalarNode } from './node.ts';

export type Expected = 'string' | 'number' | 'boolean' | 'list' | 'map';

const ARTICLE: Readonly<Record<Expected, string>> = {
  string: 'a string',
  number: 'a number',
  boolean: 'true or false',
  list: 'a list',
  map: 'a map of fields',
};

/** Reports that a node is of none of the kinds that are taken here. */
export function needs(node: Node, expected: readonly Expected[], report: Report): void {
  const wanted = expected.map((kind) => ARTICLE[kind]).join(' or ');
  report.error('wrong-type', positionOf(node), `${wanted} is needed here, ${foundText(node)}`, hintFor(node, expected));
}

function foundText(node: Node): string {
  const found = kindOf(node);
  if (found === 'nothing') return 'and there is nothing';
  return found === 'list' || found === 'map' ? `not ${ARTICLE[found]}` : `not the ${found} \`${written(node)}\``;
}

function kindOf(node: Node): 'list' | 'map' | 'nothing' | 'string' | 'number' | 'boolean' {
  if (node.kind !== 'scalar') return node.kind;
  if (node.value === null) return 'nothing';
  return typeof node.value as 'string' | 'number' | 'boolean';
}

function hintFor(node: Node, [expected]: readonly Expected[]): string | undefined {
  if (expected === 'string' && node.kind === 'scalar' && node.value !== null)
    return `write it in quotes: "${written(node)}"`;
  if (expected === 'list' && node.kind === 'scalar' && node.value !== null)
    return `write it as a list: [${written(node)}]`;
  return node.kind === 'scalar' && node.value === null ? 'write a value, or leave the field out' : undefined;
}

/** The node as a map, or null after a report. */
export function asMap(node: Node, report: Report): MapNode | null {
  if (node.kind === 'map') return node;
  needs(node, ['map'], report);
  return null;
}

export function asList(node: Node, report: Report): ListNode | null {
  if (node.kind === 'list') return node;
  needs(node, ['list'], report);
  return null;
}

export type StringNode = ScalarNode & { readonly value: string };

export function asString(node: Node, report: Report): StringNode | null {
  if (node.kind === 'scalar' && typeof node.value === 'string') return node as StringNode;
  needs(node, ['string'], report);
  return null;
}

/**
 * Words that YAML 1.1 reads as booleans and 1.2 as strings. kubectl and Istio read 1.1, so that `yes` without
 * quotes would mean one thing there and another here.
 */
export function isYaml11Boolean(node: ScalarNode): boolean {
  return node.style === 'plain' && typeof node.value === 'string' && /^(yes|no|on|off)$/i.test(node.value);
}
