/**
 * The configuration file: YAML text to a tree of values that knows the place of each.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments } from 'yaml';
import type { Node, Pair } from 'yaml';
import type { Diagnostic, Position } from '../lib/diagnostic.ts';
import { settingPathText } from './settings.ts';
import { FORBIDDEN_KEY } from './source.ts';
import type { Written } from './source.ts';

/** A configuration is a page; what is larger is another file given by mistake. */
export const MAX_CONFIG_FILE_BYTES = 1024 * 1024;

export interface ConfigFile {
  /** What is written, without what {@link diagnostics} are about; undefined when it is no YAML at all. */
  readonly tree: Written | undefined;
  /** Where the value at `path` is; where its nearest ancestor is when there is no such value. */
  valuePosition(path: readonly PropertyKey[]): Position;
  /** Where the key at the end of `path` is; as {@link valuePosition} when there is none. */
  keyPosition(path: readonly PropertyKey[]): Position;
  readonly diagnostics: readonly Diagnostic[];
}

interface Place {
  readonly value: number;
  readonly key: number;
}

/** Reads the text of a file; never throws. An empty text is a file that says nothing. */
export function parseConfigFile(text: string, file: string): ConfigFile {
  const lines = new LineCounter();
  const diagnostics: Diagnostic[] = [];
  const places = new Map<string, Place>();

  const at = (offset: number): Position => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(1, line), column: Math.max(1, col) };
  };
  const report = (code: string, message: string, offset: number, hint: string): void => {
    diagnostics.push({ severity: 'error', code, message, hint, position: at(offset) });
  };

  /** Undefined: nothing usable is there, and that has been reported. */
  const walk = (node: Node | null, path: readonly PropertyKey[], keyStart: number): Written | undefined => {
    const empty = node === null || (isScalar(node) && node.value === null);
    const start = empty ? keyStart : (node.range?.[0] ?? keyStart);
    places.set(placeKey(path), { value: start, key: keyStart });
    if (empty) {
      if (path.length > 0) {
        const name = settingPathText(path);
        report('empty-value', `\`${name}\` has no value`, start, 'give it one, or remove the line');
      }
      return undefined;
    }
    if (isMap(node)) {
      const branch = Object.create(null) as Record<string, Written>;
      for (const pair of node.items as Pair<Node | null, Node | null>[]) {
        const place = pair.key?.range?.[0] ?? start;
        if (!isScalar(pair.key) || typeof pair.key.value !== 'string') {
          report('unknown-key', 'a key that is no text', place, 'put quotes around it');
          continue;
        }
        const key = pair.key.value;
        if (key === FORBIDDEN_KEY) {
          report('unknown-key', `unknown key \`${FORBIDDEN_KEY}\``, place, 'remove it');
          continue;
        }
        const value = walk(pair.value, [...path, key], place);
        if (value !== undefined) branch[key] = value;
      }
      return branch;
    }
    if (isSeq(node)) {
      return node.items.flatMap((item, index) => walk(item as Node | null, [...path, index], start) ?? []);
    }
    if (isAlias(node)) {
      report('yaml-alias', `the alias \`*${node.source}\` is not taken here`, start, 'write the value out');
      return undefined;
    }
    const value: unknown = isScalar(node) ? node.value : undefined;
    return typeof value === 'number' || typeof value === 'boolean' ? value : String(value);
  };

  let tree: Written | undefined;
  try {
    const documents = parseAllDocuments(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
    const all = Array.isArray(documents) ? documents : [];
    for (const problem of all.flatMap((document) => [...document.errors, ...document.warnings])) {
      if (problem.code === 'DUPLICATE_KEY') {
        report('duplicate-key', 'this key is there twice', problem.pos[0], 'keep one of them');
      } else {
        report('yaml-syntax', lowerFirst(problem.message), problem.pos[0], 'mend the YAML');
      }
    }
    const second = all[1];
    if (second !== undefined) {
      report('many-documents', 'a second document', second.range[0], 'one file holds one document');
    }
    if (diagnostics.length === 0) {
      const contents = all[0]?.contents ?? null;
      tree = walk(contents, [], 0) ?? (Object.create(null) as Written);
    }
  } catch (cause) {
    // The parser recurses: nesting without end exhausts its stack.
    report('yaml-syntax', `cannot be parsed: ${String(cause)}`, 0, 'mend the YAML');
  }

  const find = (path: readonly PropertyKey[]): Place => {
    for (let length = path.length; length >= 0; length--) {
      const place = places.get(placeKey(path.slice(0, length)));
      if (place !== undefined) return place;
    }
    return { value: 0, key: 0 };
  };
  return {
    tree,
    valuePosition: (path) => at(find(path).value),
    keyPosition: (path) => at(find(path).key),
    diagnostics,
  };
}

function placeKey(path: readonly PropertyKey[]): string {
  return path.map((key) => `/${String(key)}`).join('');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
