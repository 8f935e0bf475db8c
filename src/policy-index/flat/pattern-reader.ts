/**
 * Which patterns of a table does a value match? Found by hashing the value once forwards (exact values and
 * prefixes) and once backwards (suffixes), by walking the path trie, and one by one for the few that are left.
 */
import type { IpAddress } from '../../attributes/address.ts';
import { isEnvoyTemplatePath, matchesTemplate, pathTemplate } from '../../matcher/path-template.ts';
import type { PathTemplate } from '../../matcher/path-template.ts';
import { matchesPeer } from '../../matcher/peer.ts';
import type { PeerMatcher } from '../../matcher/peer.ts';
import { matchesRequestPrincipal } from '../../matcher/request-principal.ts';
import type { RequestPrincipalMatcher } from '../../matcher/request-principal.ts';
import { TABLE_COUNT } from './dimensions.ts';
import type { FlatReader } from './format.ts';
import {
  cidrShape,
  FIRST_NAMED_TABLE,
  HASH_START,
  hashOn,
  hashText,
  hashWithKey,
  KIND,
  patternKey,
  principalText,
  slotOf,
} from './pattern-kinds.ts';
import type { Kind } from './pattern-kinds.ts';
import { NODE_WORDS } from './path-trie.ts';
import type { Postings } from './postings.ts';
import type { TextReader } from './text.ts';
import type { ValueReader } from './values.ts';

/** Numbers of patterns. */
export type Found = number[];

/** What is known of a table before looking into it. */
interface Table {
  readonly number: number;
  readonly prefixes: readonly number[];
  readonly suffixes: readonly number[];
  readonly spiffeSuffixes: readonly number[];
  readonly bits4: readonly number[];
  readonly bits6: readonly number[];
  /** Pattern number, or -1. */
  readonly nonEmpty: number;
  readonly present: number;
  readonly hasNamespaces: boolean;
  readonly hasAccounts: boolean;
  readonly hasIssuers: boolean;
  readonly others: readonly { readonly pattern: number; readonly matcher: unknown }[];
}

/** A name with so many `/ns/` or `sa/` in it is made up to be costly. */
const MAX_PLACES = 8;

const SPIFFE = 'spiffe://';

export class PatternReader {
  readonly #text: TextReader;
  readonly #bytes: Buffer;
  readonly #values: ValueReader;
  readonly #postings: Postings;
  readonly #hashes: Uint32Array;
  readonly #keys: Uint32Array;
  readonly #texts: Uint32Array;
  readonly #lengths: Uint32Array;
  readonly #slots: Uint32Array;
  readonly #nodes: Uint32Array;
  readonly #places: Uint32Array;
  /** The entries that want a pattern to match, and those that want it not to: references of postings. */
  readonly wanted: Uint32Array;
  readonly unwanted: Uint32Array;
  /** Entries that are looked for under a pattern, and those that are when what a token says does not count. */
  readonly homes: Uint32Array;
  readonly tokenlessHomes: Uint32Array;
  readonly #tables = new Map<number, Table | null>();

  constructor(reader: FlatReader, text: TextReader, values: ValueReader, postings: Postings) {
    this.#text = text;
    this.#bytes = reader.bytes('text');
    this.#values = values;
    this.#postings = postings;
    this.#hashes = reader.words('patternHashes');
    this.#keys = reader.words('patternKeys');
    this.#texts = reader.words('patternTexts');
    this.#lengths = reader.words('patternLengths');
    this.#slots = reader.words('patternSlots');
    this.#nodes = reader.words('pathNodes');
    this.#places = reader.words('tables');
    this.wanted = reader.words('patternWanted');
    this.unwanted = reader.words('patternUnwanted');
    this.homes = reader.words('patternHomes');
    this.tokenlessHomes = reader.words('patternTokenlessHomes');
  }

  /** null: no rule asks there. */
  table(number: number): Table | null {
    let table = this.#tables.get(number);
    if (table === undefined) {
      const place = number < FIRST_NAMED_TABLE ? this.#places[number]! : this.unwanted[number - FIRST_NAMED_TABLE]!;
      table = place === 0 ? null : this.#readTable(number, place - 1);
      this.#tables.set(number, table);
    }
    return table;
  }

  #readTable(number: number, place: number): Table {
    const value = this.#values.read(place) as readonly (readonly number[] | number | boolean)[];
    const [prefixes, suffixes, spiffeSuffixes, bits4, bits6] = value as readonly (readonly number[])[];
    const [, , , , , nonEmpty, present, hasNamespaces, hasAccounts, hasIssuers, others] = value;
    return {
      number,
      prefixes: prefixes!,
      suffixes: suffixes!,
      spiffeSuffixes: spiffeSuffixes!,
      bits4: bits4!,
      bits6: bits6!,
      nonEmpty: (nonEmpty as number) - 1,
      present: (present as number) - 1,
      hasNamespaces: hasNamespaces as boolean,
      hasAccounts: hasAccounts as boolean,
      hasIssuers: hasIssuers as boolean,
      others: (others as readonly number[]).map((pattern) => ({ pattern, matcher: this.#otherOf(pattern) })),
    };
  }

  #otherOf(pattern: number): unknown {
    const text = this.textOf(pattern);
    switch ((this.#keys[pattern]! & 15) as Kind) {
      case KIND.template:
        return pathTemplate(text, 'any');
      case KIND.envoyTemplate:
        return pathTemplate(text, 'envoy');
      default:
        return JSON.parse(text);
    }
  }

  /** Byte string. Of a CIDR block, the bytes of its prefix. */
  textOf(pattern: number): string {
    const length = this.#lengths[pattern]!;
    return this.#text.bytes(this.#texts[pattern]!, this.kindOf(pattern) === KIND.cidr ? length & 0xff : length);
  }

  get count(): number {
    return this.#keys.length;
  }

  /** False: a name, an edge, a member of a group, under which no entries are filed; or what stands for any pattern. */
  hasEntries(pattern: number): boolean {
    const kind = this.kindOf(pattern);
    if (kind === KIND.tableName || kind === KIND.edge || kind === KIND.anchor) return false;
    const table = this.tableOf(pattern);
    return (table < FIRST_NAMED_TABLE ? table : this.tableOf(table - FIRST_NAMED_TABLE)) < TABLE_COUNT;
  }

  kindOf(pattern: number): Kind {
    return (this.#keys[pattern]! & 15) as Kind;
  }

  tableOf(pattern: number): number {
    return this.#keys[pattern]! >>> 4;
  }

  /** Bits of the prefix and bytes of the address of a CIDR pattern. */
  cidrOf(pattern: number): { readonly bits: number; readonly addressLength: number } {
    const shape = this.#lengths[pattern]!;
    return { bits: (shape >>> 8) & 0xff, addressLength: shape >>> 16 };
  }

  /** The table of a header's or claim's name, or -1. `name`: see pattern-kinds.ts. */
  namedTable(dimension: number, name: string): number {
    const pattern = this.#find(dimension, KIND.tableName, hashText(name), name, 0, name.length);
    return pattern < 0 ? -1 : FIRST_NAMED_TABLE + pattern;
  }

  /** The pattern that stands for anything in a table; -1: none. */
  anchor(table: number): number {
    return this.#find(table, KIND.anchor, HASH_START, '', 0, 0);
  }

  /** What stands under a name (PatternWriter.addPlace), or the set of what was filed under it; -1: no such name. */
  place(table: number, name: string): number {
    const pattern = this.#find(table, KIND.exact, hashText(name), name, 0, name.length);
    return pattern < 0 ? -1 : this.wanted[pattern]!;
  }

  /** The pattern with this text at `text[start, end)`, whose hash is `hash`; -1: none. */
  #find(table: number, kind: Kind, hash: number, text: string, start: number, end: number): number {
    const key = patternKey(table, kind);
    const wanted = hashWithKey(hash, key);
    const mask = this.#slots.length - 1;
    for (let slot = slotOf(wanted, mask); ; slot = (slot + 1) & mask) {
      const pattern = this.#slots[slot]! - 1;
      if (pattern < 0) return -1;
      if (
        this.#hashes[pattern] === wanted &&
        this.#keys[pattern] === key &&
        this.#lengths[pattern] === end - start &&
        this.#isText(pattern, text, start, end)
      )
        return pattern;
    }
  }

  #isText(pattern: number, text: string, start: number, end: number): boolean {
    let at = this.#texts[pattern]!;
    for (let i = start; i < end; i++) if (this.#bytes[at++] !== text.charCodeAt(i)) return false;
    return true;
  }

  /** Exact values, prefixes, suffixes and `*`. */
  matchString(table: Table, value: string, found: Found): void {
    this.#forwards(table, value, found);
    if (table.suffixes.length > 0) this.#backwards(table.number, KIND.suffix, table.suffixes, value, found);
    if (table.present >= 0) found.push(table.present);
    if (table.nonEmpty >= 0 && value !== '' && !value.includes('\n')) found.push(table.nonEmpty);
  }

  #forwards({ number, prefixes }: Table, value: string, found: Found): void {
    let hash = HASH_START;
    let next = 0;
    let nextLength = prefixes.length > 0 ? prefixes[0]! : -1;
    const { length } = value;
    for (let i = 0; ; i++) {
      if (i === nextLength) {
        const pattern = this.#find(number, KIND.prefix, hash, value, 0, i);
        if (pattern >= 0) found.push(pattern);
        nextLength = ++next < prefixes.length ? prefixes[next]! : -1;
      }
      if (i === length) break;
      hash = hashOn(hash, value.charCodeAt(i));
    }
    const pattern = this.#find(number, KIND.exact, hash, value, 0, length);
    if (pattern >= 0) found.push(pattern);
  }

  #backwards(table: number, kind: Kind, lengths: readonly number[], value: string, found: Found): void {
    let hash = HASH_START;
    const { length } = value;
    let done = 0;
    for (const wanted of lengths) {
      if (wanted > length) return;
      for (; done < wanted; done++) hash = hashOn(hash, value.charCodeAt(length - 1 - done));
      const pattern = this.#find(table, kind, hash, value, length - wanted, length);
      if (pattern >= 0) found.push(pattern);
    }
  }

  /**
   * Patterns that may match one of the lines that a joined header may have been: runs of neighbouring parts,
   * of which `parts` are the texts. A pattern can be found more than once.
   */
  matchJoined(table: Table, value: string, parts: readonly string[], found: Found): void {
    const ends: number[] = [];
    let at = 0;
    for (const part of parts) {
      at += part.length;
      ends.push(at++);
    }
    let start = 0;
    for (let first = 0; first < parts.length; first++) {
      this.#joinedFrom(table, value, start, ends, first, found);
      start = ends[first]! + 1;
    }
    if (table.suffixes.length > 0)
      for (const end of ends) this.#backwards(table.number, KIND.suffix, table.suffixes, value.slice(0, end), found);
    if (table.present >= 0) found.push(table.present);
    if (table.nonEmpty >= 0) found.push(table.nonEmpty);
  }

  #joinedFrom(
    { number, prefixes }: Table,
    value: string,
    start: number,
    ends: readonly number[],
    first: number,
    found: Found,
  ): void {
    let hash = HASH_START;
    let next = 0;
    let part = first;
    for (let i = start; ; i++) {
      if (next < prefixes.length && i - start === prefixes[next]) {
        const pattern = this.#find(number, KIND.prefix, hash, value, start, i);
        if (pattern >= 0) found.push(pattern);
        next++;
      }
      if (i === ends[part]) {
        const pattern = this.#find(number, KIND.exact, hash, value, start, i);
        if (pattern >= 0) found.push(pattern);
        part++;
      }
      if (i === value.length) return;
      hash = hashOn(hash, value.charCodeAt(i));
    }
  }

  /** Patterns of parts of SPIFFE IDs. */
  matchSpiffe(table: Table, value: string, found: Found): void {
    this.matchString(table, value, found);
    for (const { pattern, matcher } of table.others)
      if (matchesPeer(matcher as PeerMatcher, value)) found.push(pattern);
  }

  /** Istio's patterns over one name of the peer. False: too many places to look at; anything may match. */
  matchPeer(table: Table, name: string, found: Found): boolean {
    this.matchString(table, name, found);
    const oneLine = !name.includes('\n');
    if (table.spiffeSuffixes.length > 0 && oneLine && name.startsWith(SPIFFE)) {
      // What stands before the text begins with the scheme, and the two do not overlap.
      const lengths = table.spiffeSuffixes.filter((length) => length <= name.length - SPIFFE.length);
      this.#backwards(table.number, KIND.spiffeSuffix, lengths, name, found);
    }
    if ((table.hasNamespaces || table.hasAccounts) && oneLine && !this.#namespaces(table, name, found)) return false;
    for (const { pattern, matcher } of table.others) if (matchesPeer(matcher as PeerMatcher, name)) found.push(pattern);
    return true;
  }

  #namespaces(table: Table, name: string, found: Found): boolean {
    let places = 0;
    for (let at = name.indexOf('/ns/'); at >= 0; at = name.indexOf('/ns/', at + 1)) {
      if (++places > MAX_PLACES) return false;
      const start = at + 4;
      const end = name.indexOf('/', start);
      if (end < 0) break;
      const namespace = name.slice(start, end);
      if (table.hasNamespaces) {
        const pattern = this.#find(table.number, KIND.namespace, hashText(namespace), namespace, 0, namespace.length);
        if (pattern >= 0) found.push(pattern);
      }
      if (table.hasAccounts && !this.#accounts(table, name, namespace, end, found)) return false;
    }
    return true;
  }

  /** `from`: where the namespace ends. */
  #accounts(table: Table, name: string, namespace: string, from: number, found: Found): boolean {
    let places = 0;
    for (let at = name.indexOf('/sa/', from); at >= 0; at = name.indexOf('/sa/', at + 1)) {
      if (++places > MAX_PLACES) return false;
      const start = at + 4;
      const slash = name.indexOf('/', start);
      const text = `${namespace}/${name.slice(start, slash < 0 ? name.length : slash)}`;
      const pattern = this.#find(table.number, KIND.account, hashText(text), text, 0, text.length);
      if (pattern < 0) continue;
      const [ns, account] = text.split('/');
      if (matchesPeer({ kind: 'serviceAccount', namespace: ns!, account: account! }, name)) found.push(pattern);
    }
    return true;
  }

  matchPath(table: Table, path: string, found: Found): void {
    this.matchString(table, path, found);
    if (path.charCodeAt(0) === 0x2f) this.#walk(table.number + 1, path, 1, found);
    for (const { pattern, matcher } of table.others)
      if (matchesTemplate(matcher as PathTemplate, path)) found.push(pattern);
  }

  /** `node` stands before the segment that begins at `at`. */
  #walk(node: number, path: string, at: number, found: Found): void {
    const star = this.#nodes[node * NODE_WORDS]!;
    const rests = this.#nodes[node * NODE_WORDS + 2]!;
    if (rests !== 0) this.#postings.some(rests, (pattern) => this.#takeTemplate(pattern, path, at, found));
    let hash = HASH_START;
    let end = at;
    for (; end < path.length; end++) {
      const code = path.charCodeAt(end);
      if (code === 0x2f) break;
      hash = hashOn(hash, code);
    }
    const edge = this.#find(node, KIND.edge, hash, path, at, end);
    if (edge >= 0) this.#step(this.wanted[edge]!, path, end, found);
    if (star !== 0 && end > at) this.#step(star, path, end, found);
  }

  #step(node: number, path: string, end: number, found: Found): void {
    if (end < path.length) {
      this.#walk(node, path, end + 1, found);
      return;
    }
    const ends = this.#nodes[node * NODE_WORDS + 1]!;
    if (ends !== 0) this.#postings.some(ends, (pattern) => this.#takeTemplate(pattern, path, -1, found));
  }

  /** `restAt`: where the rest of a `{**}` begins; -1: there is none. Never ends the search. */
  #takeTemplate(pattern: number, path: string, restAt: number, found: Found): false {
    if (restAt >= 0) {
      const text = this.textOf(pattern);
      const suffix = text.slice(text.lastIndexOf('}') + 1);
      if (path.length - suffix.length < restAt || !path.endsWith(suffix)) return false;
    }
    // Asked last: it goes through the whole path, and there may be thousands of suffixes.
    if (this.kindOf(pattern) !== KIND.envoyTemplate || isEnvoyTemplatePath(path)) found.push(pattern);
    return false;
  }

  matchAddress(table: Table, address: IpAddress, found: Found): void {
    let hash = HASH_START;
    let done = 0;
    for (const bits of address.length === 4 ? table.bits4 : table.bits6) {
      const whole = bits >> 3;
      for (; done < whole; done++) hash = hashOn(hash, address.charCodeAt(done));
      const shape = cidrShape(address.length, bits);
      const rest = bits & 7;
      const last = rest === 0 ? -1 : address.charCodeAt(whole) & (0xff00 >> rest) & 0xff;
      const pattern = this.#findBlock(
        table.number,
        hashOn(last < 0 ? hash : hashOn(hash, last), shape),
        shape,
        address,
        last,
      );
      if (pattern >= 0) found.push(pattern);
    }
  }

  /** `last`: the byte that the prefix fills only in part; -1: there is none. */
  #findBlock(table: number, hash: number, shape: number, address: string, last: number): number {
    const key = patternKey(table, KIND.cidr);
    const wanted = hashWithKey(hash, key);
    const mask = this.#slots.length - 1;
    const whole = (shape & 0xff) - (last < 0 ? 0 : 1);
    for (let slot = slotOf(wanted, mask); ; slot = (slot + 1) & mask) {
      const pattern = this.#slots[slot]! - 1;
      if (pattern < 0) return -1;
      if (
        this.#hashes[pattern] === wanted &&
        this.#keys[pattern] === key &&
        this.#lengths[pattern] === shape &&
        this.#isText(pattern, address, 0, whole) &&
        (last < 0 || this.#bytes[this.#texts[pattern]! + whole] === last)
      )
        return pattern;
    }
  }

  matchRequestPrincipal(table: Table, issuer: string, subject: string, found: Found): void {
    this.#forwards(table, principalText(issuer, subject), found);
    if (table.hasIssuers && subject !== '' && !subject.includes('\n')) {
      const pattern = this.#find(table.number, KIND.issuer, hashText(issuer), issuer, 0, issuer.length);
      if (pattern >= 0) found.push(pattern);
    }
    for (const { pattern, matcher } of table.others)
      if (matchesRequestPrincipal(matcher as RequestPrincipalMatcher, issuer, subject)) found.push(pattern);
  }
}

export type { Table as PatternTable };
