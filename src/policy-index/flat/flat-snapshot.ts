/**
 * A flat snapshot, opened: policies, rules and workloads are made of its bytes when a request asks for them.
 * Opening costs the same whatever the number of rules.
 */
import type { IpAddress } from '../../attributes/address.ts';
import { toByteString } from '../../attributes/bytes.ts';
import type { Workload } from '../../attributes/workload.ts';
import { readKey } from '../../policy/compile/read-set.ts';
import { Compiler, policyHead } from '../../policy/compile/compile.ts';
import type { CompileOptions } from '../../policy/compile/compile.ts';
import type { CompiledPolicy, CompiledRule } from '../../policy/compile/compiled-rule.ts';
import { compareReportOrder } from '../../policy/report-order.ts';
import type { PolicyKind } from '../../policy/model.ts';
import type { Authentication } from '../../policy/identity-model.ts';
import type { Position } from '../../lib/diagnostic.ts';
import type { Steps } from '../../lib/steps.ts';
import type { KeyRead } from '../key-read.ts';
import { attachmentOf, placesFor } from './attachments.ts';
import type { Attachment } from './attachments.ts';
import { EntryQuery } from './entry-query.ts';
import { FlatReader } from './format.ts';
import { identityOf } from './identity-text.ts';
import { groupOf, NOWHERE, policyOf, ruleOf, workloadOf } from './model-values.ts';
import { PatternReader } from './pattern-reader.ts';
import { CONFLICT, PLACES } from './places.ts';
import { Postings } from './postings.ts';
import { RequestPatterns } from './request-patterns.ts';
import { TextReader } from './text.ts';
import { ValueReader } from './values.ts';
import type { Value } from './values.ts';

/** Rules and policies that were asked for lately; powers of two. A rule takes a KiB or two. */
const SET_BITS = 12;
const KEPT_POLICIES = 4096;
/** Places at which a rule can be kept. */
const WAYS = 4;
const KEPT_RULES = 2 ** SET_BITS * WAYS;

export class FlatSnapshot {
  readonly buffer: SharedArrayBuffer;
  readonly revision: string;
  readonly ownedHeaders: readonly string[];
  /** When rules that deny cease to, ascending; milliseconds since the epoch. */
  readonly denyEndsMs: readonly number[];
  /** How callers prove who they are, of any workload. */
  readonly authentications: readonly Authentication[];
  readonly postings: Postings;
  readonly patterns: PatternReader;
  readonly requests: RequestPatterns;
  readonly query: EntryQuery;
  readonly #values: ValueReader;
  readonly #positions: Uint32Array;
  readonly #files: Buffer;
  #fileNames: readonly string[] | undefined;
  readonly #policyPlaces: Uint32Array;
  readonly #firstRules: Uint32Array;
  readonly #rulePlaces: Uint32Array;
  readonly #entryRules: Uint32Array;
  readonly #attachmentPlaces: Uint32Array;
  readonly #workloadPlaces: Uint32Array;
  readonly #reads = new Map<string, readonly KeyRead[]>();
  readonly #lists = new Map<string, readonly Authentication[]>();
  readonly #compiler: Compiler;
  readonly #conditions: readonly string[];
  readonly #keptRules: (CompiledRule | undefined)[] = new Array<CompiledRule | undefined>(KEPT_RULES);
  #turn = 0;
  readonly #keptPolicies: ({ readonly number: number; readonly policy: CompiledPolicy } | undefined)[] = new Array<
    { readonly number: number; readonly policy: CompiledPolicy } | undefined
  >(KEPT_POLICIES);
  /** Workloads that were asked for: the same object each time, so that their scope is found by it. */
  readonly #workloads = new Map<number, Workload>();

  /** @throws {@link NotFlat} */
  constructor(buffer: SharedArrayBuffer, options: CompileOptions) {
    this.buffer = buffer;
    const reader = new FlatReader(buffer);
    const text = new TextReader(reader);
    this.#values = new ValueReader(reader, text);
    this.#policyPlaces = reader.words('policies');
    this.#firstRules = reader.words('policyRules');
    this.#rulePlaces = reader.words('rules');
    this.#entryRules = reader.words('entryRules');
    this.#attachmentPlaces = reader.words('attachments');
    this.#workloadPlaces = reader.words('workloads');
    this.postings = new Postings(reader);
    this.patterns = new PatternReader(reader, text, this.#values, this.postings);
    const [owned, headers, claims, groupClaims, unwanted, denyEnds, conditions] = this.#values.read(
      reader.words('head')[0]!,
    ) as readonly Value[];
    this.revision = reader.bytes('revision').toString('latin1');
    this.authentications = identityOf(reader.bytes('identity').toString('utf8'));
    this.#positions = reader.words('positions');
    this.#files = reader.bytes('files');
    this.ownedHeaders = owned as readonly string[];
    this.denyEndsMs = denyEnds as readonly number[];
    this.#conditions = conditions as readonly string[];
    this.requests = new RequestPatterns(this.patterns, this.postings, {
      headers: headers as readonly string[],
      claims: claims as readonly (readonly string[])[],
      groupClaims: groupClaims as readonly (readonly string[])[],
    });
    this.query = new EntryQuery(reader, this.postings, this.patterns, this.requests, unwanted as number, (entry) =>
      this.rule(this.#entryRules[entry]!),
    );
    const groupPlace = (name: string): number => this.patterns.place(PLACES.group, toByteString(name));
    this.#compiler = new Compiler(
      {
        get: (name) => {
          const place = groupPlace(name);
          return place < 0 ? undefined : groupOf(this.#values.read(place));
        },
      },
      options,
    );
  }

  /** Compiles the conditions, each in a step, so that no request waits for that. */
  *warm(): Steps<void> {
    for (const text of this.#conditions) {
      this.#compiler.condition({ text, position: NOWHERE });
      yield;
    }
  }

  get policyCount(): number {
    return this.#policyPlaces.length;
  }

  get ruleCount(): number {
    return this.#rulePlaces.length;
  }

  get entryCount(): number {
    return this.#entryRules.length;
  }

  /** By report order. Its rules are made each time they are asked for. */
  policy(number: number): CompiledPolicy {
    const slot = number & (KEPT_POLICIES - 1);
    const kept = this.#keptPolicies[slot];
    if (kept?.number === number) return kept.policy;
    const policy = policyHead(policyOf(this.#values.read(this.#policyPlaces[number]!), NOWHERE), () =>
      this.#rulesOf(number),
    );
    this.#keptPolicies[slot] = { number, policy };
    return policy;
  }

  /** `name`: `namespace/name`. null: there is no such rule. */
  ruleOf(kind: PolicyKind, name: string, index: number): CompiledRule | null {
    const wanted = { kind, namespace: name.slice(0, name.indexOf('/')), name };
    let low = 0;
    let high = this.policyCount;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareReportOrder(this.policy(middle), wanted) < 0) low = middle + 1;
      else high = middle;
    }
    if (low === this.policyCount || compareReportOrder(this.policy(low), wanted) !== 0) return null;
    const ordinal = this.#firstRules[low]! + index;
    return ordinal < this.#firstRules[low + 1]! ? this.rule(ordinal) : null;
  }

  #rulesOf(policy: number): readonly CompiledRule[] {
    const rules: CompiledRule[] = [];
    for (let i = this.#firstRules[policy]!; i < this.#firstRules[policy + 1]!; i++) rules.push(this.rule(i));
    return rules;
  }

  /** By ordinal. */
  rule(ordinal: number): CompiledRule {
    // Ordinals that follow one another are asked together: they are spread over all places.
    const first = (Math.imul(ordinal, 0x9e3779b1) >>> (32 - SET_BITS)) * WAYS;
    const kept = this.#keptRules;
    for (let slot = first; slot < first + WAYS; slot++) if (kept[slot]?.ordinal === ordinal) return kept[slot]!;
    const source = ruleOf(this.#values.read(this.#rulePlaces[ordinal]!), NOWHERE);
    const rule = this.#compiler.rule(source, ordinal, this.policy(this.policyOfRule(ordinal)));
    // Validated at load: that it cannot be compiled now would be a mistake of ours, and must not let anyone in.
    if (source.condition !== null && rule.cel === null) throw new Error('a condition of the policies does not compile');
    let slot = first;
    while (slot < first + WAYS && kept[slot] !== undefined) slot++;
    // All are taken: each goes in its turn.
    if (slot === first + WAYS) slot = first + (this.#turn++ & (WAYS - 1));
    kept[slot] = rule;
    return rule;
  }

  /** The number of its policy. */
  policyOfRule(ordinal: number): number {
    let low = 0;
    let high = this.#firstRules.length - 1;
    // The last policy whose first rule is not behind `ordinal`; policies without rules share their place with the next.
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#firstRules[middle]! <= ordinal) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Ordinals of the rules of a policy: the first, and the one behind the last. */
  rulesOfPolicy(policy: number): readonly [number, number] {
    return [this.#firstRules[policy]!, this.#firstRules[policy + 1]!];
  }

  /** Where a rule was written. */
  positionOf(ordinal: number): Position {
    return this.#position(this.policyCount + ordinal);
  }

  positionOfPolicy(policy: number): Position {
    return this.#position(policy);
  }

  #position(number: number): Position {
    this.#fileNames ??= JSON.parse(this.#files.toString('utf8')) as readonly string[];
    const [file, line, column] = this.#positions.subarray(3 * number);
    return { file: this.#fileNames[file!]!, line: line!, column: column! };
  }

  /** The list of these {@link authentications} that was made before, if one was: what others work out by it is kept. */
  sameList(authentications: readonly Authentication[]): readonly Authentication[] {
    const name = authentications.map((each) => this.authentications.indexOf(each)).join();
    const known = this.#lists.get(name);
    if (known !== undefined) return known;
    this.#lists.set(name, authentications);
    return authentications;
  }

  /** The list of equal reads that was made before, if one was: workloads have much the same. */
  sameReads(reads: readonly KeyRead[]): readonly KeyRead[] {
    const name = reads.map(({ read, exact }) => `${readKey(read)}${exact ? '!' : ''}`).join('\n');
    const known = this.#reads.get(name);
    if (known !== undefined) return known;
    this.#reads.set(name, reads);
    return reads;
  }

  ruleOfEntry(entry: number): CompiledRule {
    return this.rule(this.#entryRules[entry]!);
  }

  /** Which workload an address is; null: no entry; `conflict`: entries that say different things. */
  workload(address: IpAddress): Workload | 'conflict' | null {
    const place = this.patterns.place(PLACES.workload, address);
    if (place < 0) return null;
    if (place === CONFLICT) return 'conflict';
    let workload = this.#workloads.get(place);
    if (workload === undefined) {
      const entry = workloadOf(this.#values.read(this.#workloadPlaces[place - 1]!));
      workload = {
        source: 'inventory',
        namespace: entry.namespace,
        serviceAccount: entry.serviceAccount,
        labels: new Map([...entry.labels].map(([name, value]) => [toByteString(name), toByteString(value)])),
      };
      this.#workloads.set(place, workload);
    }
    return workload;
  }

  /** Those that may apply to a workload, or of which that cannot be told. */
  *attachments(workload: Workload, rootNamespace: string): Generator<Attachment> {
    const places = placesFor(workload, rootNamespace);
    if (places === null) {
      for (const place of this.#attachmentPlaces) yield attachmentOf(this.#values.read(place));
      return;
    }
    const numbers = new Set<number>();
    for (const [table, text] of places) {
      const reference = this.patterns.place(table, text);
      if (reference >= 0)
        this.postings.some(reference, (number) => {
          numbers.add(number);
          return false;
        });
    }
    for (const number of numbers) yield attachmentOf(this.#values.read(this.#attachmentPlaces[number]!));
  }
}
