/**
 * The YAML that nearly all policies are written in, read without the library: seven tenths of loading 100,000 rules
 * were its tokens and trees.
 *
 * INVARIANT: a text gets here the very tree that it gets from the library, or null: then the library reads the
 * whole file. Nothing is ever reported here, so whatever is wrong, rare or in doubt is null: anchors, aliases,
 * tags, directives, values left out, keys written twice, plain or quoted strings over several lines, tabs, CR,
 * comments inside brackets, and numbers other than whole ones. test/policy/parse/common-yaml.test.ts holds the two together.
 */
import { MAX_DEPTH, MAX_NODES, MAX_STRING_LENGTH } from './limits.ts';
import type { Entry, MapNode, Node, ScalarNode, ScalarStyle } from './node.ts';
import type { SourceText } from './source-text.ts';

/** The trees of all documents that are not empty, or null. */
export function readCommonYaml(source: SourceText): Node[] | null {
  if (UNCOMMON.test(source.text)) return null;
  try {
    return new Reader(source).documents();
  } catch (error) {
    if (error instanceof Uncommon) return null;
    throw error;
  }
}

/** Control characters, blanks other than the space, line ends other than LF, surrogates, and what is not assigned much. */
const UNCOMMON = /[^\n\x20-\x7e\u00a1-\u167f\u2010-\u2027\u2030-\u205e\u2070-\u2fff\u3001-\ud7ff]/;

/** A key of more than 1024 characters is an error of YAML. */
const MAX_KEY_LENGTH = 256;

/** Below the bound of files, since the library counts a level more here and there. */
const MAX_COMMON_DEPTH = MAX_DEPTH - 4;

class Uncommon extends Error {}

const NEWLINE = 10;
const SPACE = 32;
const DOUBLE_QUOTE = 34;
const HASH = 35;
const SINGLE_QUOTE = 39;
const COMMA = 44;
const DASH = 45;
const ZERO = 48;
const NINE = 57;
const COLON = 58;
const ANGLE = 62;
const OPEN_LIST = 91;
const CLOSE_LIST = 93;
const OPEN_MAP = 123;
const BAR = 124;
const CLOSE_MAP = 125;

class Reader {
  readonly #source: SourceText;
  readonly #text: string;
  #at = 0;
  /** Column of the line's first character, or of what stands behind its dashes; -1 where a document ends. */
  #column = 0;
  #nodes = 0;

  constructor(source: SourceText) {
    this.#source = source;
    this.#text = source.text;
  }

  documents(): Node[] {
    const documents: Node[] = [];
    this.#toContent();
    for (;;) {
      if (this.#column >= 0) {
        if (this.#column > 0) throw new Uncommon();
        documents.push(this.#root());
        if (this.#column >= 0) throw new Uncommon();
      }
      if (this.#at >= this.#text.length) return documents;
      this.#at += 3;
      this.#endLine();
    }
  }

  #root(): Node {
    const code = this.#code();
    return code === OPEN_LIST || code === OPEN_MAP ? this.#inline(-1, 0) : this.#block(0);
  }

  /** A list or map in block form, to whose first character the reader points. */
  #block(depth: number): Node {
    if (depth > MAX_COMMON_DEPTH) throw new Uncommon();
    return this.#isDash() ? this.#blockList(depth) : this.#blockMap(depth);
  }

  #blockList(depth: number): Node {
    const start = this.#at;
    const column = this.#column;
    const items: Node[] = [];
    while (this.#column === column && this.#isDash()) {
      const dash = this.#at++;
      this.#skipSpaces();
      this.#column = column + this.#at - dash;
      items.push(this.#isDash() || this.#isKey() ? this.#block(depth + 1) : this.#inline(column, depth + 1));
    }
    if (this.#column > column) throw new Uncommon();
    this.#count();
    return { kind: 'list', source: this.#source, start, items };
  }

  #blockMap(depth: number): MapNode {
    const start = this.#at;
    const column = this.#column;
    const entries: Entry[] = [];
    while (this.#column === column && (entries.length === 0 || !this.#isDash())) {
      const keyStart = this.#at;
      const key = this.#key(false);
      addEntry(entries, { key, keyStart, value: this.#blockValue(column, depth + 1) });
    }
    if (this.#column >= column) throw new Uncommon();
    this.#count();
    return { kind: 'map', source: this.#source, start, entries };
  }

  /** Behind a key and its colon. */
  #blockValue(column: number, depth: number): Node {
    const colon = this.#at;
    this.#skipSpaces();
    const code = this.#code();
    if (code !== NEWLINE && code !== HASH && this.#at < this.#text.length) return this.#inline(column, depth);
    this.#at = colon;
    this.#endLine();
    // The dashes of a list may stand under the key.
    if (this.#column > column || (this.#column === column && this.#isDash())) return this.#block(depth);
    throw new Uncommon();
  }

  /** A value that begins on this line, inside what begins at a column; what is left of its last line is passed over. */
  #inline(column: number, depth: number): Node {
    const code = this.#code();
    if (code === BAR || code === ANGLE) return this.#blockString(column, code === ANGLE);
    const node = code === OPEN_LIST || code === OPEN_MAP ? this.#flow(column, depth) : this.#scalar(false);
    this.#endLine();
    // A plain string goes on in a line that is indented further.
    if (this.#column > column) throw new Uncommon();
    return node;
  }

  /**
   * A literal block (`|`, `|-`), whose lines all have the indentation of the first, or more; or a folded one (`>`,
   * `>-`) without empty lines and with the very same indentation.
   */
  #blockString(column: number, folded: boolean): ScalarNode {
    const start = this.#at++;
    const text = this.#text;
    const endsLine = this.#code() !== DASH;
    if (!endsLine) this.#at++;
    if (this.#code() !== NEWLINE) throw new Uncommon();
    const first = this.#at + 1;
    const indent = this.#afterSpaces(first) - first;
    if (indent <= column) throw new Uncommon();
    const prefix = text.slice(first, first + indent);
    const lines: string[] = [];
    /** Behind the last line that counts, and of those read. */
    let end = first;
    let at = first;
    let count = 0;
    while (at < text.length) {
      const isEmpty = text.charCodeAt(at) === NEWLINE;
      if (!isEmpty && !text.startsWith(prefix, at)) break;
      if (isEmpty && folded) throw new Uncommon();
      const newline = text.indexOf('\n', at);
      // Without a last line end, or with a line of blanks, the rules are finer.
      if (newline < 0) throw new Uncommon();
      const line = isEmpty ? '' : text.slice(at + indent, newline);
      if (!isEmpty && (line.trim() === '' || (folded && line.trim() !== line))) throw new Uncommon();
      lines.push(line);
      at = newline + 1;
      if (isEmpty) continue;
      end = at;
      count = lines.length;
    }
    if (count === 0) throw new Uncommon();
    this.#at = end - 1;
    this.#endLine();
    // What a comment behind the block means depends on its indentation.
    if (text.slice(end, this.#at).trim() !== '') throw new Uncommon();
    const value = lines.slice(0, count).join(folded ? ' ' : '\n') + (endsLine ? '\n' : '');
    return this.#scalarNode(start, end, value, folded ? 'folded' : 'literal');
  }

  /** In brackets or braces; its lines are indented further than what it is in. */
  #flow(column: number, depth: number): Node {
    if (depth > MAX_COMMON_DEPTH) throw new Uncommon();
    const start = this.#at;
    const isMap = this.#code() === OPEN_MAP;
    const close = isMap ? CLOSE_MAP : CLOSE_LIST;
    const items: Node[] = [];
    const entries: Entry[] = [];
    this.#at++;
    this.#skipInFlow(column);
    while (this.#code() !== close || items.length + entries.length > 0) {
      const keyStart = this.#at;
      if (isMap) {
        const key = this.#key(true);
        this.#skipSpaces();
        addEntry(entries, { key, keyStart, value: this.#flowValue(column, depth + 1) });
      } else items.push(this.#flowValue(column, depth + 1));
      this.#skipInFlow(column);
      if (this.#code() === close) break;
      if (this.#code() !== COMMA) throw new Uncommon();
      this.#at++;
      this.#skipInFlow(column);
    }
    this.#at++;
    this.#count();
    return isMap
      ? { kind: 'map', source: this.#source, start, entries }
      : { kind: 'list', source: this.#source, start, items };
  }

  #flowValue(column: number, depth: number): Node {
    const code = this.#code();
    return code === OPEN_LIST || code === OPEN_MAP ? this.#flow(column, depth) : this.#scalar(true);
  }

  #scalar(inFlow: boolean): ScalarNode {
    const start = this.#at;
    const code = this.#code();
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const value = this.#quoted(code);
      return this.#scalarNode(start, this.#at, value, code === DOUBLE_QUOTE ? 'double' : 'single');
    }
    const end = plainEnd(this.#text, start, inFlow);
    // `key: value` is no value inside a line.
    if (this.#text.charCodeAt(this.#afterSpaces(end)) === COLON) throw new Uncommon();
    this.#at = end;
    return this.#scalarNode(start, end, plainValueOf(this.#text.slice(start, end)), 'plain');
  }

  /** Behind the key's colon afterwards. */
  #key(inFlow: boolean): string {
    const start = this.#at;
    const code = this.#code();
    let key: string;
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) key = this.#quoted(code);
    else {
      this.#at = plainEnd(this.#text, start, inFlow);
      const value = plainValueOf(this.#text.slice(start, this.#at));
      if (typeof value !== 'string') throw new Uncommon();
      key = value;
    }
    if (this.#code() !== COLON || this.#at - start > MAX_KEY_LENGTH) throw new Uncommon();
    this.#at++;
    // JSON has no blank there.
    if (!isBlank(this.#text, this.#at) && !(inFlow && code === DOUBLE_QUOTE)) throw new Uncommon();
    return key;
  }

  /** Whether a key begins here, and not a value. */
  #isKey(): boolean {
    const code = this.#code();
    let end: number;
    if (code === DOUBLE_QUOTE || code === SINGLE_QUOTE) {
      const start = this.#at;
      this.#quoted(code);
      end = this.#at;
      this.#at = start;
    } else if (isPlainStart(code)) end = plainEnd(this.#text, this.#at, false);
    else return false;
    return this.#text.charCodeAt(end) === COLON;
  }

  #quoted(quote: number): string {
    const start = this.#at + 1;
    const isDouble = quote === DOUBLE_QUOTE;
    const end = isDouble ? endOfDouble(this.#text, start) : endOfSingle(this.#text, start);
    if (end < 0) throw new Uncommon();
    const value = this.#text.slice(start, end);
    if (value.length > MAX_STRING_LENGTH || value.includes('\n')) throw new Uncommon();
    this.#at = end + 1;
    if (!isDouble) return value.includes("'") ? value.replaceAll("''", "'") : value;
    if (!value.includes('\\')) return value;
    // The escapes of JSON mean the same in YAML, which has more of them.
    if (!JSON_ESCAPES.test(value)) throw new Uncommon();
    return JSON.parse(`"${value}"`) as string;
  }

  /** Blanks and line ends. */
  #skipInFlow(column: number): void {
    this.#skipSpaces();
    while (this.#code() === NEWLINE) {
      const lineStart = ++this.#at;
      this.#skipSpaces();
      if (this.#code() === NEWLINE) continue;
      if (this.#at - lineStart <= column || (this.#at === lineStart && this.#text.startsWith('...', lineStart)))
        throw new Uncommon();
    }
  }

  #scalarNode(start: number, end: number, value: ScalarNode['value'], style: ScalarStyle): ScalarNode {
    if (typeof value === 'string' && value.length > MAX_STRING_LENGTH) throw new Uncommon();
    this.#count();
    return { kind: 'scalar', source: this.#source, start, end, value, style };
  }

  #count(): void {
    if (++this.#nodes > MAX_NODES) throw new Uncommon();
  }

  #code(): number {
    return this.#text.charCodeAt(this.#at);
  }

  #isDash(): boolean {
    return this.#code() === DASH && this.#text.charCodeAt(this.#at + 1) === SPACE;
  }

  #skipSpaces(): void {
    this.#at = this.#afterSpaces(this.#at);
  }

  #afterSpaces(from: number): number {
    let at = from;
    while (this.#text.charCodeAt(at) === SPACE) at++;
    return at;
  }

  /** Only blanks and a comment are left on this line. */
  #endLine(): void {
    const end = this.#at;
    this.#skipSpaces();
    if (this.#code() === HASH && this.#at > end) this.#toNewline();
    if (this.#at >= this.#text.length) this.#column = -1;
    else if (this.#code() === NEWLINE) {
      this.#at++;
      this.#toContent();
    } else throw new Uncommon();
  }

  /** From the start of a line to the next that is neither empty nor a comment. */
  #toContent(): void {
    for (;;) {
      const lineStart = this.#at;
      this.#skipSpaces();
      const code = this.#code();
      if (code === HASH) this.#toNewline();
      else if (code !== NEWLINE && this.#at < this.#text.length) {
        this.#column = this.#at - lineStart;
        if (this.#column === 0 && this.#text.startsWith('---', this.#at) && isBlank(this.#text, this.#at + 3))
          this.#column = -1;
        return;
      }
      if (this.#at >= this.#text.length) {
        this.#column = -1;
        return;
      }
      this.#at++;
    }
  }

  #toNewline(): void {
    const newline = this.#text.indexOf('\n', this.#at);
    this.#at = newline < 0 ? this.#text.length : newline;
  }
}

const JSON_ESCAPES = /^(?:[^\\]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*$/;

/** The quote that no backslash stands before, or one that itself is escaped; -1: there is none. */
function endOfDouble(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return -1;
}

/** The quote that is not written twice. */
function endOfSingle(text: string, start: number): number {
  let end = text.indexOf("'", start);
  while (end >= 0 && text.charCodeAt(end + 1) === SINGLE_QUOTE) end = text.indexOf("'", end + 2);
  return end;
}

function addEntry(entries: Entry[], entry: Entry): void {
  for (const { key } of entries) if (key === entry.key) throw new Uncommon();
  if (entries.length >= MAX_ENTRIES) throw new Uncommon();
  entries.push(entry);
}

/** Looking for a key written twice is quadratic here; our kinds have no more fields than this, only labels could. */
const MAX_ENTRIES = 64;

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return code === SPACE || code === NEWLINE || at >= text.length;
}

/** Letters, digits and a few marks that mean nothing to YAML wherever they stand. */
function isPlainStart(code: number): boolean {
  return PLAIN_START[code] === 1;
}

const PLAIN_START = new Uint8Array(128);
for (const mark of 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_/.$()+~^;=<')
  PLAIN_START[mark.charCodeAt(0)] = 1;

/** Behind the last character of a plain string: at blanks, the end of the line, a key's colon or, in a flow, its marks. */
function plainEnd(text: string, start: number, inFlow: boolean): number {
  if (!isPlainStart(text.charCodeAt(start))) throw new Uncommon();
  let end = start + 1;
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === SPACE) continue;
    if (code === NEWLINE) break;
    if (code === HASH && text.charCodeAt(at - 1) === SPACE) break;
    if (code === COLON && (isBlank(text, at + 1) || (inFlow && isFlowMark(text.charCodeAt(at + 1))))) break;
    if (inFlow && isFlowMark(code)) break;
    end = at + 1;
  }
  return end;
}

function isFlowMark(code: number): boolean {
  return code === COMMA || code === OPEN_LIST || code === CLOSE_LIST || code === OPEN_MAP || code === CLOSE_MAP;
}

/** YAML 1.2.2 §10.3.2, the core schema. */
function plainValueOf(text: string): string | number | boolean | null {
  const first = text.charCodeAt(0);
  if (first >= ZERO && first <= NINE && WHOLE_NUMBER.test(text)) return Number(text);
  if (WORD.test(text)) {
    const word = text.toLowerCase();
    return word === 'true' ? true : word === 'false' ? false : null;
  }
  if (OTHER_NUMBER.test(text)) throw new Uncommon();
  return text;
}

const WHOLE_NUMBER = /^[0-9]{1,15}$/;
const WORD = /^(?:~|[Nn]ull|NULL|[Tt]rue|TRUE|[Ff]alse|FALSE)$/;
const OTHER_NUMBER =
  /^(?:0o[0-7]+|0x[0-9a-fA-F]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)|[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?)$/;
