/**
 * YAML or JSON text → trees with places, one for each document that is not empty.
 *
 * YAML 1.2, core schema. JSON is YAML. The plain YAML of most policies has a reader of its own (common-yaml.ts),
 * which gives the same trees. For any other file the library takes the text apart in two steps: its iterative
 * parser first, whose result is measured, and its recursive composer only when the nesting is bounded.
 */
import { Composer, isAlias, isMap, isScalar, isSeq, Parser } from 'yaml';
import type { Document, ParsedNode, Scalar, YAMLError, CST } from 'yaml';
import type { Report } from '../report.ts';
import { readCommonYaml } from './common-yaml.ts';
import { MAX_DEPTH, MAX_FILE_BYTES, MAX_NODES, MAX_STRING_LENGTH } from './limits.ts';
import type { Entry, Node, ScalarStyle } from './node.ts';
import { SourceText } from './source-text.ts';

export function parseFile(path: string, text: string, report: Report): Node[] {
  const source = new SourceText(path, text);
  if (text.length > MAX_FILE_BYTES || Buffer.byteLength(text) > MAX_FILE_BYTES) {
    report.error(
      'file-too-large',
      source.position(0),
      `the file is larger than ${MAX_FILE_BYTES} bytes`,
      'split it into several files',
    );
    return [];
  }
  return readCommonYaml(source) ?? readAnyYaml(source, report);
}

/** With the library: whatever is rare, and everything that is wrong. */
export function readAnyYaml(source: SourceText, report: Report): Node[] {
  try {
    const nodes: Node[] = [];
    const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent', merge: false });
    const budget = { left: MAX_NODES };
    for (const document of composer.compose(boundedTokens(source, report))) {
      const node = readDocument(document, source, report, budget);
      if (node !== null) nodes.push(node);
    }
    return nodes;
  } catch (error) {
    // The library throws on a few malformed texts instead of reporting them.
    const reason = error instanceof Error ? error.message : String(error);
    report.error('yaml-syntax', source.position(0), `the file cannot be read as YAML: ${oneLine(reason)}`);
    return [];
  }
}

/** The tokens of the file, document by document, as far as none is nested too deep for the composer. */
function* boundedTokens(source: SourceText, report: Report): Generator<CST.Token> {
  for (const token of new Parser().parse(source.text)) {
    const deep = tooDeep(token);
    if (deep !== null) {
      report.error('too-deep', source.position(deep), `values are nested more than ${MAX_DEPTH} levels deep`);
      return;
    }
    yield token;
  }
}

/** Offset of a token inside `root` that lies deeper than allowed, or null. */
function tooDeep(root: CST.Token): number | null {
  const open = [{ token: root, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return token.offset;
    if (token.type === 'document') {
      if (token.value !== undefined) open.push({ token: token.value, depth });
    } else if ('items' in token) {
      for (const { key, value } of token.items) {
        if (key) open.push({ token: key, depth: depth + 1 });
        if (value) open.push({ token: value, depth: depth + 1 });
      }
    }
  }
  return null;
}

interface Budget {
  left: number;
}

function readDocument(document: Document.Parsed, source: SourceText, report: Report, budget: Budget): Node | null {
  for (const problem of [...document.errors, ...document.warnings]) reportYaml(problem, source, report);
  if (document.errors.length > 0 || document.contents === null) return null;
  const node = new Conversion(source, report, budget).convert(document.contents, 0)?.node ?? null;
  return node?.kind === 'scalar' && node.value === null ? null : node;
}

function reportYaml(problem: YAMLError, source: SourceText, report: Report): void {
  const position = source.position(problem.pos[0]);
  if (problem.code === 'TAG_RESOLVE_FAILED') {
    report.error('unknown-tag', position, oneLine(problem.message), 'policies need no tags: remove it');
  } else if (problem.code === 'BAD_ALIAS' || problem.message.startsWith('Unresolved alias')) {
    report.error('unknown-anchor', position, oneLine(problem.message));
  } else report.error('yaml-syntax', position, oneLine(problem.message));
}

function oneLine(message: string): string {
  const text = message.replace(/\s+/g, ' ').trim();
  return text.charAt(0).toLowerCase() + text.slice(1);
}

interface Converted {
  readonly node: Node;
  /** Values in it, itself included, aliases followed. */
  readonly size: number;
  /** Levels below it. */
  readonly height: number;
}

class Conversion {
  readonly #source: SourceText;
  readonly #report: Report;
  readonly #budget: Budget;
  /** Finished anchors only: an alias inside its own anchor finds nothing, so no tree is circular. */
  readonly #anchors = new Map<string, Converted>();

  constructor(source: SourceText, report: Report, budget: Budget) {
    this.#source = source;
    this.#report = report;
    this.#budget = budget;
  }

  /** null: reported. */
  convert(parsed: ParsedNode, depth: number): Converted | null {
    const [start, end] = parsed.range;
    if (isAlias(parsed)) return this.#alias(parsed.source, start, depth);
    if (--this.#budget.left < 0) return this.#tooMany(start);
    const converted = isScalar(parsed) ? this.#scalar(parsed, start, end) : this.#collection(parsed, start, depth);
    if (converted !== null && parsed.anchor !== undefined) this.#anchors.set(parsed.anchor, converted);
    return converted;
  }

  #alias(name: string, start: number, depth: number): Converted | null {
    const target = this.#anchors.get(name);
    if (target === undefined) {
      this.#report.error(
        'unknown-anchor',
        this.#source.position(start),
        `there is no anchor \`${name}\` before this alias`,
      );
      return null;
    }
    this.#budget.left -= target.size;
    if (this.#budget.left < 0) return this.#tooMany(start);
    if (depth + target.height > MAX_DEPTH) {
      const message = `values are nested more than ${MAX_DEPTH} levels deep`;
      this.#report.error('too-deep', this.#source.position(start), message);
      return null;
    }
    return target;
  }

  #tooMany(start: number): null {
    // Once, at the first value past the bound: the budget is gone for the rest of the file.
    if (this.#budget.left > -Infinity) {
      const message = `the file holds more than ${MAX_NODES} values`;
      const hint = 'split it into several files; each use of an alias counts as all that it stands for';
      this.#report.error('too-many-values', this.#source.position(start), message, hint);
      this.#budget.left = -Infinity;
    }
    return null;
  }

  #scalar(parsed: Scalar, start: number, end: number): Converted | null {
    const position = this.#source.position(start);
    const { value } = parsed;
    if (typeof value === 'string' && value.length > MAX_STRING_LENGTH) {
      this.#report.error('string-too-long', position, `the string is longer than ${MAX_STRING_LENGTH} characters`);
      return null;
    }
    if (value !== null && typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      this.#report.error('unknown-tag', position, 'the value is neither a string, a number, a boolean nor null');
      return null;
    }
    const style = STYLES[parsed.type ?? 'PLAIN'] ?? 'plain';
    return { node: { kind: 'scalar', source: this.#source, start, end, value, style }, size: 1, height: 0 };
  }

  #collection(parsed: ParsedNode, start: number, depth: number): Converted | null {
    let size = 1;
    let height = 0;
    const child = (value: ParsedNode | null, at: number): Node | null => {
      const converted = value === null ? this.#empty(at) : this.convert(value, depth + 1);
      if (converted === null) return null;
      size += converted.size;
      height = Math.max(height, converted.height + 1);
      return converted.node;
    };
    let node: Node;
    if (isSeq(parsed)) {
      const items: Node[] = [];
      for (const item of parsed.items as (ParsedNode | null)[]) {
        const converted = child(item, start);
        if (converted !== null) items.push(converted);
      }
      node = { kind: 'list', source: this.#source, start, items };
    } else if (isMap(parsed)) {
      const entries: Entry[] = [];
      const seen = new Map<string, number>();
      for (const { key, value } of parsed.items as { key: ParsedNode | null; value: ParsedNode | null }[]) {
        const keyStart = key?.range[0] ?? start;
        const name = this.#key(key, keyStart, seen);
        const converted = child(value, key?.range[1] ?? start);
        if (name !== null && converted !== null) entries.push({ key: name, keyStart, value: converted });
      }
      node = { kind: 'map', source: this.#source, start, entries };
    } else return null;
    return { node, size, height };
  }

  /** A value that was left out (`key:`) is null. */
  #empty(at: number): Converted {
    const node: Node = { kind: 'scalar', source: this.#source, start: at, end: at, value: null, style: 'plain' };
    return { node, size: 1, height: 0 };
  }

  #key(key: ParsedNode | null, keyStart: number, seen: Map<string, number>): string | null {
    const position = this.#source.position(keyStart);
    if (!isScalar(key) || typeof key.value !== 'string') {
      const text = this.#source.text.slice(keyStart, key?.range[1] ?? keyStart).split('\n', 1)[0]!;
      this.#report.error('bad-key', position, `a key must be a string, not \`${text}\``, 'write it in quotes');
      return null;
    }
    const first = seen.get(key.value);
    if (first !== undefined) {
      const { line, column } = this.#source.position(first);
      const message = `the key \`${key.value}\` is written twice; the first is at ${line}:${column}`;
      this.#report.error('duplicate-key', position, message, 'keep one of the two');
      return null;
    }
    seen.set(key.value, keyStart);
    return key.value;
  }
}

const STYLES: Readonly<Record<string, ScalarStyle>> = {
  PLAIN: 'plain',
  QUOTE_SINGLE: 'single',
  QUOTE_DOUBLE: 'double',
  BLOCK_LITERAL: 'literal',
  BLOCK_FOLDED: 'folded',
};
