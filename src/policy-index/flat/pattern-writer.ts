/**
 * Every pattern of a snapshot once, with the entries that want it and those that do not want it.
 */
import type { Cidr } from '../../attributes/address.ts';
import { toByteString } from '../../attributes/bytes.ts';
import { pathTemplate } from '../../matcher/path-template.ts';
import type { PathTemplate } from '../../matcher/path-template.ts';
import type { PathSet } from '../../matcher/path.ts';
import type { PeerMatcher } from '../../matcher/peer.ts';
import type { RequestPrincipalMatcher } from '../../matcher/request-principal.ts';
import type { StringMatcher } from '../../matcher/string.ts';
import type { ValueSet } from '../../matcher/value-set.ts';
import type { CompiledGroup } from '../../policy/compile/group.ts';
import type { Predicate } from '../../policy/compile/predicate.ts';
import { dimensionOfTable, PEER_TABLES, TABLE, tableOf } from './dimensions.ts';
import type { Dimension } from './dimensions.ts';
import { GROUP_CLAIMS, GROUP_SPIFFE_IDS, GROUP_SUBJECTS } from './group-tables.ts';
import type { FlatWriter } from './format.ts';
import { GrowingWords } from './growing.ts';
import {
  cidrShape,
  claimTableName,
  FIRST_NAMED_TABLE,
  HASH_START,
  hashBackwards,
  hashOn,
  hashText,
  hashWithKey,
  KIND,
  patternKey,
  principalText,
  slotOf,
} from './pattern-kinds.ts';
import type { Kind } from './pattern-kinds.ts';
import { PathTrie } from './path-trie.ts';
import type { PostingsWriter } from './postings.ts';
import { SetsWriter } from './postings.ts';
import type { TextWriter } from './text.ts';
import type { Value, ValueWriter } from './values.ts';

/** What has to be known of a table before looking into it. */
interface Table {
  /** Distinct lengths of prefixes and suffixes; of CIDR blocks, the bits. */
  readonly prefixes: Set<number>;
  readonly suffixes: Set<number>;
  readonly spiffeSuffixes: Set<number>;
  readonly bits4: Set<number>;
  readonly bits6: Set<number>;
  nonEmpty: number;
  present: number;
  hasNamespaces: boolean;
  hasAccounts: boolean;
  hasIssuers: boolean;
  readonly others: number[];
}

/** Entries by pattern. */
export interface FiledEntries {
  /** Those that want it, and those that it puts out. */
  readonly wanted: SetsWriter;
  readonly unwanted: SetsWriter;
  /** Those of `wanted` that are looked for there, and those that are when what a token says does not count. */
  readonly homes: SetsWriter;
  readonly tokenlessHomes: SetsWriter;
}

export class PatternWriter {
  readonly #text: TextWriter;
  readonly #postings: PostingsWriter;
  /** By key (of a CIDR block, by its shape too), by text. */
  readonly #ids = new Map<number, Map<string, number>>();
  readonly #hashes = new GrowingWords();
  readonly #keys = new GrowingWords();
  readonly #texts = new GrowingWords();
  readonly #lengths = new GrowingWords();
  readonly #tables = new Map<number, Table>();
  /** By pattern: the node to which an edge leads. */
  readonly #targets = new Map<number, number>();
  readonly #trie: PathTrie;
  readonly #groups = new Map<string, { readonly pattern: number; readonly group: CompiledGroup }>();
  /** Names that have tables of their own, as they are asked for. */
  readonly headers = new Set<string>();
  readonly claims = new Map<string, readonly string[]>();
  readonly groupClaims = new Map<string, readonly string[]>();

  constructor(text: TextWriter, postings: PostingsWriter) {
    this.#text = text;
    this.#postings = postings;
    this.#trie = new PathTrie((node, segment, target) => {
      this.#targets.set(this.#add(node, KIND.edge, segment, hashText(segment)), target);
    });
  }

  /** Called with every pattern that a predicate compares with. */
  onUse: (pattern: number) => void = () => undefined;

  /** A name under which single things are found; `place` is what stands there. */
  addPlace(table: number, name: string, place: number): void {
    this.#targets.set(this.addName(table, name), place);
  }

  addName(table: number, name: string): number {
    return this.#exact(table, name);
  }

  dimensionOf(pattern: number): Dimension {
    const table = this.#keys.at(pattern) >>> 4;
    return dimensionOfTable(table < FIRST_NAMED_TABLE ? table : this.#keys.at(table - FIRST_NAMED_TABLE) >>> 4);
  }

  get count(): number {
    return this.#hashes.length;
  }

  /** The patterns of which one has to match for the test to hold; null: it is asked rule by rule. */
  patternsOf(predicate: Predicate): readonly number[] | null {
    const patterns = this.#patternsOf(predicate);
    patterns?.forEach(this.onUse);
    return patterns;
  }

  #patternsOf(predicate: Predicate): readonly number[] | null {
    const { test } = predicate;
    const table = tableOf(predicate);
    if (table === null) return null;
    switch (test.attribute) {
      case 'peer':
        return test.matchers.map((matcher) => this.#peer(table, matcher));
      case 'groups':
        return test.groups.map((group) => this.#group(group));
      case 'requestPrincipal':
        return test.matchers.map((matcher) => this.#requestPrincipal(table, matcher));
      case 'sourceIp':
      case 'remoteIp':
      case 'destinationIp':
        return test.blocks.map((block) => this.#cidr(table, block));
      case 'destinationPort':
        return this.#values(table, { exact: new Set([...test.ports].map(String)), others: [] });
      case 'path':
        return this.#paths(table, test.paths);
      case 'spiffe':
      case 'host':
      case 'method':
      case 'sni':
        return this.#values(table, test.values);
      case 'header':
        this.headers.add(test.name);
        return this.#values(this.#namedTable(table, test.name), test.values);
      case 'claim':
        this.claims.set(claimTableName(test.path), test.path);
        return this.#values(this.#namedTable(table, claimTableName(test.path)), test.values);
      case 'metadata':
        return null;
    }
  }

  /** The pattern that stands for anything in the table of a predicate: all entries with a pattern of it have it too. */
  anchorOf(predicate: Predicate): number {
    const { test } = predicate;
    if (test.attribute === 'header') return this.#namedTable(TABLE.header, test.name) - FIRST_NAMED_TABLE;
    if (test.attribute === 'claim') return this.#namedTable(TABLE.claim, claimTableName(test.path)) - FIRST_NAMED_TABLE;
    return this.#add(tableOf(predicate)!, KIND.anchor, '', HASH_START);
  }

  #values(table: number, { exact, others }: ValueSet): number[] {
    this.#table(table);
    const ids = [...exact].map((text) => this.#exact(table, text));
    for (const matcher of others) ids.push(this.#string(table, matcher));
    return ids;
  }

  #exact(table: number, text: string): number {
    return this.#add(table, KIND.exact, text, hashText(text));
  }

  #string(number: number, matcher: StringMatcher): number {
    const table = this.#table(number);
    switch (matcher.kind) {
      case 'exact':
        return this.#exact(number, matcher.text);
      case 'prefix':
        table.prefixes.add(matcher.text.length);
        return this.#add(number, KIND.prefix, matcher.text, hashText(matcher.text));
      case 'suffix':
        table.suffixes.add(matcher.text.length);
        return this.#add(number, KIND.suffix, matcher.text, hashBackwards(matcher.text));
      case 'nonEmpty':
        return (table.nonEmpty = this.#add(number, KIND.nonEmpty, '', HASH_START));
      case 'present':
        return (table.present = this.#add(number, KIND.present, '', HASH_START));
      case 'glob':
        return this.#other(number, matcher);
    }
  }

  /** Patterns of parts of SPIFFE IDs, which hold no newline: a glob with one star is a prefix or a suffix. */
  #other(table: number, matcher: StringMatcher | PeerMatcher | RequestPrincipalMatcher): number {
    if ('kind' in matcher && matcher.kind === 'glob' && !PEER_TABLES.includes(table) && matcher.parts.length === 2) {
      const [before, after] = matcher.parts;
      if (after === '') return this.#string(table, { kind: 'prefix', text: before! });
      if (before === '') return this.#string(table, { kind: 'suffix', text: after! });
    }
    return this.#addOther(table, matcher);
  }

  #addOther(table: number, matcher: object): number {
    const text = JSON.stringify(matcher);
    const before = this.count;
    const id = this.#add(table, KIND.other, text, hashText(text));
    if (id === before) this.#table(table).others.push(id);
    return id;
  }

  #peer(number: number, matcher: PeerMatcher): number {
    const table = this.#table(number);
    if (matcher.kind === 'serviceAccount') {
      const { namespace, account } = matcher;
      if (namespace === '' || account === '' || namespace.includes('/') || account.includes('/'))
        return this.#addOther(number, matcher);
      table.hasAccounts = true;
      const text = `${namespace}/${account}`;
      return this.#add(number, KIND.account, text, hashText(text));
    }
    if (matcher.kind === 'trustDomain') return this.#addOther(number, matcher);
    if (matcher.kind !== 'glob') return this.#string(number, matcher);
    const { parts } = matcher;
    if (parts.length === 2 && parts[0] === 'spiffe://') {
      table.spiffeSuffixes.add(parts[1]!.length);
      return this.#add(number, KIND.spiffeSuffix, parts[1]!, hashBackwards(parts[1]!));
    }
    const namespace = parts.length === 3 && parts[0] === '' && parts[2] === '' ? namespaceOf(parts[1]!) : null;
    if (namespace === null) return this.#addOther(number, matcher);
    table.hasNamespaces = true;
    return this.#add(number, KIND.namespace, namespace, hashText(namespace));
  }

  #requestPrincipal(number: number, matcher: RequestPrincipalMatcher): number {
    const table = this.#table(number);
    const { issuer, subject } = matcher;
    if (issuer.kind === 'exact' && subject.kind === 'exact')
      return this.#exact(number, principalText(issuer.text, subject.text));
    if (issuer.kind === 'exact' && subject.kind === 'prefix')
      return this.#string(number, { kind: 'prefix', text: principalText(issuer.text, subject.text) });
    if (issuer.kind === 'exact' && subject.kind === 'nonEmpty') {
      table.hasIssuers = true;
      return this.#add(number, KIND.issuer, issuer.text, hashText(issuer.text));
    }
    return this.#addOther(number, matcher);
  }

  #cidr(number: number, { network, prefixLength }: Cidr): number {
    const table = this.#table(number);
    (network.length === 4 ? table.bits4 : table.bits6).add(prefixLength);
    const whole = prefixLength >> 3;
    let text = network.slice(0, whole);
    if ((prefixLength & 7) !== 0)
      text += String.fromCharCode(network.charCodeAt(whole) & (0xff00 >> (prefixLength & 7)) & 0xff);
    const shape = cidrShape(network.length, prefixLength);
    return this.#add(number, KIND.cidr, text, hashOn(hashText(text), shape), shape);
  }

  #paths(number: number, { strings, templates }: PathSet): number[] {
    return [...this.#values(number, strings), ...templates.map((template) => this.#template(number, template))];
  }

  #template(number: number, template: PathTemplate): number {
    const text = template.steps
      .map((step) => (step.kind === 'literal' ? step.text : step.kind === 'segment' ? '{*}' : '{**}'))
      .join('');
    const kind = template.alphabet === 'envoy' ? KIND.envoyTemplate : KIND.template;
    const before = this.count;
    const id = this.#add(number, kind, text, hashText(text));
    if (id !== before) return id;
    // A literal with braces in it could be read back as an operator: then it is no template that the trie may hold.
    const readBack = JSON.stringify(pathTemplate(text, template.alphabet)) === JSON.stringify(template);
    if (!readBack || !this.#trie.add(number, text, id)) this.#table(number).others.push(id);
    return id;
  }

  #group(group: CompiledGroup): number {
    const known = this.#groups.get(group.name);
    if (known !== undefined) return known.pattern;
    this.#table(TABLE.group);
    const pattern = this.#exact(TABLE.group, toByteString(group.name));
    this.#groups.set(group.name, { pattern, group });
    return pattern;
  }

  /** Files the members of every group that a rule names. Gives, by pattern of a member, its groups. */
  #groupMembers(): SetsWriter {
    const groups = new SetsWriter();
    for (const { pattern, group } of [...this.#groups.values()].sort((a, b) => a.pattern - b.pattern)) {
      const members = this.#values(GROUP_SPIFFE_IDS, group.spiffeIds);
      for (const [issuer, subjects] of group.subjects)
        for (const subject of subjects)
          members.push(
            this.#requestPrincipal(GROUP_SUBJECTS, {
              issuer: { kind: 'exact', text: issuer },
              subject: { kind: 'exact', text: subject },
            }),
          );
      for (const { issuer, path, values } of group.claims) {
        const table = this.#namedTable(GROUP_CLAIMS, claimTableName(path));
        this.groupClaims.set(claimTableName(path), path);
        const matchers: StringMatcher[] = [...values.exact].map((text) => ({ kind: 'exact', text }));
        for (const subject of [...matchers, ...values.others])
          members.push(this.#requestPrincipal(table, { issuer: { kind: 'exact', text: issuer }, subject }));
      }
      for (const member of new Set(members)) groups.add(member, pattern);
    }
    return groups;
  }

  #namedTable(dimension: number, name: string): number {
    return FIRST_NAMED_TABLE + this.#add(dimension, KIND.tableName, name, hashText(name));
  }

  #table(number: number): Table {
    let table = this.#tables.get(number);
    if (table === undefined) {
      table = {
        prefixes: new Set(),
        suffixes: new Set(),
        spiffeSuffixes: new Set(),
        bits4: new Set(),
        bits6: new Set(),
        nonEmpty: -1,
        present: -1,
        hasNamespaces: false,
        hasAccounts: false,
        hasIssuers: false,
        others: [],
      };
      this.#tables.set(number, table);
    }
    return table;
  }

  /** `length`: of the text, or what tells patterns with the same text apart besides. */
  #add(table: number, kind: Kind, text: string, hash: number, length = text.length): number {
    const key = patternKey(table, kind);
    const isShaped = kind === KIND.cidr;
    const space = isShaped ? key + length * 2 ** 32 : key;
    let ids = this.#ids.get(space);
    if (ids === undefined) {
      ids = new Map();
      this.#ids.set(space, ids);
    }
    let id = ids.get(text);
    if (id === undefined) {
      id = this.#hashes.length;
      // The bytes of an address are no text that anything else has.
      const offset = isShaped ? this.#text.append(text) : this.#text.place(text).offset;
      this.#hashes.push(hashWithKey(hash, key));
      this.#keys.push(key);
      this.#texts.push(offset);
      this.#lengths.push(length);
      ids.set(text, id);
    }
    return id;
  }

  finish(writer: FlatWriter, values: ValueWriter, filed: FiledEntries): void {
    const groups = this.#groupMembers();
    const count = this.count;
    const wanted = filed.wanted.write(this.#postings, count);
    const unwanted = filed.unwanted.write(this.#postings, count);
    writer.put('patternHomes', filed.homes.write(this.#postings, count));
    writer.put('patternTokenlessHomes', filed.tokenlessHomes.write(this.#postings, count));
    groups.write(this.#postings, count).forEach((reference, member) => {
      if (reference !== 0) wanted[member] = reference;
    });
    // No more than half full, so that looking for what is not there ends soon.
    let capacity = 4;
    while (capacity < 2 * count) capacity *= 2;
    const slots = new Uint32Array(capacity);
    for (let id = 0; id < count; id++) {
      let slot = slotOf(this.#hashes.at(id), capacity - 1);
      while (slots[slot] !== 0) slot = (slot + 1) & (capacity - 1);
      slots[slot] = id + 1;
    }
    for (const [id, target] of this.#targets) wanted[id] = target;
    const tables = new Uint32Array(FIRST_NAMED_TABLE);
    for (const [number, table] of this.#tables) {
      const place = values.write(tableValue(table));
      if (number < FIRST_NAMED_TABLE) tables[number] = place + 1;
      else unwanted[number - FIRST_NAMED_TABLE] = place + 1;
    }
    writer.put('patternHashes', this.#hashes.taken);
    writer.put('patternKeys', this.#keys.taken);
    writer.put('patternTexts', this.#texts.taken);
    writer.put('patternLengths', this.#lengths.taken);
    writer.put('patternWanted', wanted);
    writer.put('patternUnwanted', unwanted);
    writer.put('patternSlots', slots);
    writer.put('tables', tables);
    writer.put('pathNodes', this.#trie.nodes(this.#postings));
  }
}

function tableValue(table: Table): Value {
  const sorted = (lengths: Set<number>): number[] => [...lengths].sort((a, b) => a - b);
  return [
    sorted(table.prefixes),
    sorted(table.suffixes),
    sorted(table.spiffeSuffixes),
    sorted(table.bits4),
    sorted(table.bits6),
    table.nonEmpty + 1,
    table.present + 1,
    table.hasNamespaces,
    table.hasAccounts,
    table.hasIssuers,
    table.others,
  ];
}

/** NS of `/ns/NS/`, when it has no slash itself. */
function namespaceOf(part: string): string | null {
  const namespace = part.startsWith('/ns/') && part.endsWith('/') && part.length > 5 ? part.slice(4, -1) : null;
  return namespace === null || namespace.includes('/') ? null : namespace;
}
