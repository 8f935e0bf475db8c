/**
 * A document as a tree that remembers where each part was written. It knows nothing of the YAML library:
 * everything behind the parser works on this.
 */
import type { Position } from '../../lib/diagnostic.ts';
import type { SourceText } from './source-text.ts';

export type Node = MapNode | ListNode | ScalarNode;

interface Placed {
  readonly source: SourceText;
  /** Offset of the first character. */
  readonly start: number;
}

export interface MapNode extends Placed {
  readonly kind: 'map';
  /** In the order written; keys are unique. */
  readonly entries: readonly Entry[];
}

export interface Entry {
  readonly key: string;
  readonly keyStart: number;
  readonly value: Node;
}

export interface ListNode extends Placed {
  readonly kind: 'list';
  readonly items: readonly Node[];
}

export type ScalarStyle = 'plain' | 'single' | 'double' | 'literal' | 'folded';

export interface ScalarNode extends Placed {
  readonly kind: 'scalar';
  /** Offset behind the last character. */
  readonly end: number;
  readonly value: string | number | boolean | null;
  readonly style: ScalarStyle;
}

export function positionOf(node: Node): Position {
  return node.source.position(node.start);
}

export function entryOf(map: MapNode, key: string): Entry | undefined {
  for (const entry of map.entries) if (entry.key === key) return entry;
  return undefined;
}

export function keyPosition(map: MapNode, entry: Entry): Position {
  return map.source.position(entry.keyStart);
}

/** The place of a key, or of the whole map when it is not there. */
export function keyPlace(map: MapNode, key: string): Position {
  const entry = entryOf(map, key);
  return entry === undefined ? positionOf(map) : keyPosition(map, entry);
}

/** The node at a path of keys and indexes, as far as it goes. */
export function nodeAt(
  root: Node,
  path: readonly (string | number)[],
): { node: Node; rest: readonly (string | number)[] } {
  let node = root;
  for (const [index, step] of path.entries()) {
    let next: Node | undefined;
    if (node.kind === 'map') next = entryOf(node, String(step))?.value;
    else if (node.kind === 'list') next = node.items[Number(step)];
    if (next === undefined) return { node, rest: path.slice(index) };
    node = next;
  }
  return { node, rest: [] };
}

/**
 * Plain data of a tree. Objects have no prototype, so that a key like `__proto__` is a key like any other.
 */
export function plainValue(node: Node): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(plainValue);
  const value = Object.create(null) as Record<string, unknown>;
  for (const entry of node.entries) value[entry.key] = plainValue(entry.value);
  return value;
}

/** A node as people wrote it, for messages: one line, shortened. */
export function written(node: Node): string {
  const end = node.kind === 'scalar' ? node.end : undefined;
  const line = node.source.text.slice(node.start, end).split('\n', 1)[0]!.trim();
  return line.length > MAX_WRITTEN ? `${line.slice(0, MAX_WRITTEN)}…` : line;
}

/** A message is one line of a terminal. */
const MAX_WRITTEN = 80;
