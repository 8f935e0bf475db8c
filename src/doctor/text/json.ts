/**
 * JSON → a tree with places. Config dumps are megabytes of it, with certificates and scripts as long strings in them:
 * the reader of YAML would take minutes and has bounds that are made for policies.
 */
import type { Entry, Node } from '../../policy/parse/node.ts';
import type { SourceText } from '../../policy/parse/source-text.ts';

/** A dump of the deepest configurations nests some thirty levels, matchers in matchers some more. */
const MAX_DEPTH = 200;

/** A dump of 64 MiB has some three million. */
const MAX_NODES = 6_000_000;

export class JsonProblem extends Error {
  override name = 'JsonProblem';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** @throws {@link JsonProblem} when it is not well-formed, or past a bound */
export function readJson(source: SourceText): Node {
  return new Reader(source).document();
}

const WHITESPACE = /[\t\n\r ]*/y;
/** What makes a string more than the characters between its quotes. */
const SPECIAL = /[\\\u0000-\u001f]/;
const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const WORD = /true|false|null/y;

class Reader {
  readonly #source: SourceText;
  readonly #text: string;
  #at = 0;
  #nodes = 0;

  constructor(source: SourceText) {
    this.#source = source;
    this.#text = source.text;
  }

  document(): Node {
    const node = this.#value(0);
    this.#skip();
    if (this.#at < this.#text.length) throw this.#problem('something stands behind the end of the document');
    return node;
  }

  #value(depth: number): Node {
    this.#skip();
    if (depth > MAX_DEPTH) throw this.#problem(`values are nested more than ${MAX_DEPTH} levels deep`);
    if (++this.#nodes > MAX_NODES) throw this.#problem(`there are more than ${MAX_NODES} values`);
    const start = this.#at;
    const source = this.#source;
    switch (this.#text[start]) {
      case '{':
        return { kind: 'map', source, start, entries: this.#entries(depth) };
      case '[':
        return { kind: 'list', source, start, items: this.#items(depth) };
      case '"': {
        const value = this.#string();
        return { kind: 'scalar', source, start, end: this.#at, value, style: 'double' };
      }
      default: {
        const written = this.#take(NUMBER) ?? this.#take(WORD);
        if (written === null) throw this.#problem('a value is missing here');
        const value = JSON.parse(written) as number | boolean | null;
        return { kind: 'scalar', source, start, end: this.#at, value, style: 'plain' };
      }
    }
  }

  #entries(depth: number): Entry[] {
    const entries: Entry[] = [];
    const names = new Set<string>();
    this.#at++;
    this.#skip();
    if (this.#passed('}')) return entries;
    do {
      this.#skip();
      const keyStart = this.#at;
      if (this.#text[keyStart] !== '"') throw this.#problem('a key is missing here');
      const key = this.#string();
      // Readers differ in which of the two counts: Envoy takes neither.
      if (names.has(key)) throw new JsonProblem('this key is there twice', keyStart);
      names.add(key);
      this.#skip();
      if (!this.#passed(':')) throw this.#problem('a colon is missing here');
      entries.push({ key, keyStart, value: this.#value(depth + 1) });
      this.#skip();
    } while (this.#passed(','));
    if (!this.#passed('}')) throw this.#problem('a comma or a closing brace is missing here');
    return entries;
  }

  #items(depth: number): Node[] {
    const items: Node[] = [];
    this.#at++;
    this.#skip();
    if (this.#passed(']')) return items;
    do {
      items.push(this.#value(depth + 1));
      this.#skip();
    } while (this.#passed(','));
    if (!this.#passed(']')) throw this.#problem('a comma or a closing bracket is missing here');
    return items;
  }

  #string(): string {
    const start = this.#at;
    const end = this.#endOfString(start + 1);
    if (end < 0) throw this.#problem('this string does not end');
    this.#at = end + 1;
    const value = this.#text.slice(start + 1, end);
    if (!SPECIAL.test(value)) return value;
    try {
      return JSON.parse(`"${value}"`) as string;
    } catch {
      throw new JsonProblem('this string has an escape or a control character that is not allowed', start);
    }
  }

  /** The next quote with an even number of backslashes before it; a pattern would run out of stack on long strings. */
  #endOfString(from: number): number {
    for (let quote = this.#text.indexOf('"', from); quote >= 0; quote = this.#text.indexOf('"', quote + 1)) {
      let first = quote;
      while (first > from && this.#text[first - 1] === '\\') first--;
      if ((quote - first) % 2 === 0) return quote;
    }
    return -1;
  }

  #take(pattern: RegExp): string | null {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? null;
    if (found !== null) this.#at += found.length;
    return found;
  }

  #skip(): void {
    WHITESPACE.lastIndex = this.#at;
    this.#at += WHITESPACE.exec(this.#text)![0].length;
  }

  #passed(character: string): boolean {
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  #problem(message: string): JsonProblem {
    return new JsonProblem(message, this.#at);
  }
}
