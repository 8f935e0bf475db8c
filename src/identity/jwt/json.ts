/**
 * JSON (RFC 8259) of which nobody can have another reading: the last of two members of one name is what `JSON.parse`
 * takes and the first is what others take, so a repeated name is an error here, at any depth.
 *
 * The text is a byte string and so are the strings of the result. What is no UTF-8 is refused, and so is an escape of
 * half a surrogate pair, for which there are no bytes.
 */
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import type { Steps } from '../../lib/steps.ts';
import { hexValue, isUtf8, toByteString } from '../../attributes/bytes.ts';

export class JsonError extends Error {
  override readonly name = 'JsonError';
  /** Of the byte at which it was seen, from 0. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Lists and objects inside one another. Real tokens have three or four; the parser recurses once for each. */
export const MAX_JSON_DEPTH = 32;

/** @throws {JsonError} */
export function parseJson(bytes: string): Claim {
  if (!isUtf8(bytes)) throw new JsonError('not UTF-8', 0);
  const parser = new Parser(bytes);
  const value = parser.value(0);
  parser.end();
  return value;
}

/** Characters: a small part of a slice's time. */
const UTF8_PIECE = 64 * 1024;

/** An element of a list that is a member of the document: takes its place. */
export type ElementReader = (member: string, index: number, element: Claim) => Claim;

/**
 * As {@link parseJson}, in small steps: for objects of many MiB with long lists in them. What `read` makes of each
 * element stands in its place; collecting what lives no longer than its turn costs nothing, and the whole would be
 * hundreds of milliseconds' work.
 *
 * @throws {JsonError}
 */
export function* parseJsonInSteps(bytes: string, read: ElementReader): Steps<Claim> {
  for (let from = 0; from < bytes.length;) {
    let to = Math.min(from + UTF8_PIECE, bytes.length);
    // Not in the middle of a character, of which at most three bytes are continuations.
    for (let back = 0; back < 3 && (bytes.charCodeAt(to) & 0xc0) === 0x80; back++) to--;
    if (!isUtf8(bytes.slice(from, to))) throw new JsonError('not UTF-8', 0);
    from = to;
    yield;
  }
  const parser = new Parser(bytes);
  const value = yield* parser.inSteps(read);
  parser.end();
  return value;
}

const NUMBER = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const ESCAPES = new Map([...'"\\/'].map((char) => [char, char]));
for (const [letter, char] of ['b\b', 'f\f', 'n\n', 'r\r', 't\t']) ESCAPES.set(letter!, char!);

class Parser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Claim {
    this.#space();
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object(this.#deeper(depth));
      case '[':
        return this.#list(this.#deeper(depth));
      case '"':
        return this.#string();
      case 't':
        return this.#word('true', true);
      case 'f':
        return this.#word('false', false);
      case 'n':
        return this.#word('null', null);
      default:
        return this.#number();
    }
  }

  /** {@link value} of the document, with a step for each member and each element of one. */
  *inSteps(read: ElementReader): Steps<Claim> {
    this.#space();
    if (this.#text[this.#at] !== '{') return this.value(0);
    const members = new Map<string, Claim>();
    for (let more = this.#opens('}'); more; more = this.#goesOn('}')) {
      const name = this.#newName(members);
      this.#space();
      members.set(name, this.#text[this.#at] === '[' ? yield* this.#elements(name, read) : this.value(1));
      yield;
    }
    return members;
  }

  *#elements(member: string, read: ElementReader): Steps<readonly Claim[]> {
    const elements: Claim[] = [];
    for (let more = this.#opens(']'); more; more = this.#goesOn(']')) {
      elements.push(read(member, elements.length, this.value(2)));
      yield;
    }
    return elements;
  }

  end(): void {
    this.#space();
    if (this.#at < this.#text.length) this.#fail('text behind the value');
  }

  #deeper(depth: number): number {
    if (depth >= MAX_JSON_DEPTH) this.#fail(`more than ${MAX_JSON_DEPTH} levels`);
    return depth + 1;
  }

  #object(depth: number): ClaimMap {
    const members = new Map<string, Claim>();
    for (let more = this.#opens('}'); more; more = this.#goesOn('}')) {
      const name = this.#newName(members);
      members.set(name, this.value(depth));
    }
    return members;
  }

  #list(depth: number): readonly Claim[] {
    const elements: Claim[] = [];
    for (let more = this.#opens(']'); more; more = this.#goesOn(']')) elements.push(this.value(depth));
    return elements;
  }

  /** At the bracket: is there anything in it? */
  #opens(close: string): boolean {
    this.#at++;
    this.#space();
    return !this.#took(close);
  }

  /** Behind a value: is there another? */
  #goesOn(close: string): boolean {
    this.#space();
    if (this.#took(',')) return true;
    this.#expect(close);
    return false;
  }

  /** With the colon behind it. */
  #newName(members: ClaimMap): string {
    this.#space();
    const start = this.#at;
    if (this.#text[start] !== '"') this.#fail('a member name was expected');
    const name = this.#string();
    if (members.has(name)) this.#fail('a member name twice', start);
    this.#space();
    this.#expect(':');
    return name;
  }

  #string(): string {
    let out = '';
    let from = ++this.#at;
    while (true) {
      const code = this.#text.charCodeAt(this.#at);
      // NaN, past the end, is less than nothing and greater than nothing.
      if (!(code >= 0x20)) this.#fail('a string without an end, or with a control character');
      if (code === 0x22) return out + this.#text.slice(from, this.#at++);
      if (code === 0x5c) {
        out += this.#text.slice(from, this.#at++) + this.#escape();
        from = this.#at;
      } else this.#at++;
    }
  }

  /** Behind the backslash. */
  #escape(): string {
    const letter = this.#text[this.#at++];
    if (letter !== 'u') return ESCAPES.get(letter ?? '') ?? this.#fail('an escape that JSON does not have');
    const unit = this.#codeUnit();
    if (unit < 0xd800 || unit > 0xdfff) return toByteString(String.fromCharCode(unit));
    if (unit > 0xdbff || !this.#text.startsWith('\\u', this.#at)) this.#fail('half a surrogate pair');
    this.#at += 2;
    const low = this.#codeUnit();
    if (low < 0xdc00 || low > 0xdfff) this.#fail('half a surrogate pair');
    return toByteString(String.fromCharCode(unit, low));
  }

  #codeUnit(): number {
    let unit = 0;
    for (let i = 0; i < 4; i++) {
      const digit = hexValue(this.#text.charCodeAt(this.#at++));
      if (digit < 0) this.#fail('an escape that JSON does not have');
      unit = unit * 16 + digit;
    }
    return unit;
  }

  #number(): number {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (match === null) this.#fail('a value was expected');
    const number = Number(match[0]);
    if (!Number.isFinite(number)) this.#fail('a number too large');
    this.#at = NUMBER.lastIndex;
    return number;
  }

  #word<T extends Claim>(word: string, value: T): T {
    if (!this.#text.startsWith(word, this.#at)) this.#fail('a value was expected');
    this.#at += word.length;
    return value;
  }

  #space(): void {
    while (true) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #took(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #expect(char: string): void {
    if (!this.#took(char)) this.#fail(`\`${char}\` was expected`);
  }

  #fail(message: string, at = Math.min(this.#at, this.#text.length)): never {
    throw new JsonError(message, at);
  }
}
