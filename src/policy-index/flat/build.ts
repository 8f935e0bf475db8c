/** A validated set → a flat snapshot. All the work that grows with the rules is done here, at load. */
import { parseIp } from '../../attributes/address.ts';
import { asciiLowerCase, toByteString } from '../../attributes/bytes.ts';
import { compareText } from '../../lib/compare-text.ts';
import type { Diagnostic, Position } from '../../lib/diagnostic.ts';
import { Compiler, policyHead } from '../../policy/compile/compile.ts';
import type { CompileOptions } from '../../policy/compile/compile.ts';
import type { CompiledPolicy, CompiledRule } from '../../policy/compile/compiled-rule.ts';
import type { Policy, PolicySet, WorkloadEntry } from '../../policy/model.ts';
import { compareReportOrder } from '../../policy/report-order.ts';
import { attachmentKey, AttachmentDraft, labelCounts, placesOf } from './attachments.ts';
import { DIMENSION_COUNT, TOKEN_DIMENSIONS } from './dimensions.ts';
import { FlatWriter } from './format.ts';
import { CONFLICT, PLACES } from './places.ts';
import { identityText, outputHeaderNames } from './identity-text.ts';
import { GrowingWords } from './growing.ts';
import { groupValue, policyValue, ruleValue, workloadValue } from './model-values.ts';
import { PatternWriter } from './pattern-writer.ts';
import type { FiledEntries } from './pattern-writer.ts';
import { PostingsWriter, SetsWriter } from './postings.ts';
import { entriesOf, homeOf } from './rule-entries.ts';
import type { Entry, Usage, Wanted } from './rule-entries.ts';
import { TextWriter } from './text.ts';
import { ValueWriter } from './values.ts';

export interface BuiltSnapshot {
  /** null when there are errors. */
  readonly buffer: SharedArrayBuffer | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** Rules that deny come before those that allow, and those that only say what they would do stand behind. */
const CLASSES: readonly ((policy: Policy) => boolean)[] = [
  ({ action, mode }) => action === 'DENY' && mode === 'enforce',
  ({ action, mode }) => action === 'ALLOW' && mode === 'enforce',
  ({ action, mode }) => action === 'DENY' && mode !== 'enforce',
  ({ action, mode }) => action === 'ALLOW' && mode !== 'enforce',
];

/** Each is looked at for every request; past this many they are not told apart. */
const MAX_EXCEPTIONS = 32;

/** Enough that no two sets share one by accident, and short enough to be read out. */
const REVISION_LENGTH = 16;

/** The bit of an entry that patterns may put out. */
export const HAS_UNWANTED = 31;

export interface BuildOptions extends CompileOptions {
  /** One text for all settings that change decisions or answers: part of the revision. */
  readonly fingerprint: string;
}

export function buildFlat(set: PolicySet, options: BuildOptions): BuiltSnapshot {
  return new Build(set, options).run();
}

class Build {
  readonly #set: PolicySet;
  readonly #fingerprint: string;
  readonly #compiler: Compiler;
  readonly #text = new TextWriter();
  readonly #values = new ValueWriter(this.#text);
  readonly #postings = new PostingsWriter();
  readonly #patterns = new PatternWriter(this.#text, this.#postings);
  readonly #filed: FiledEntries = {
    wanted: new SetsWriter(),
    unwanted: new SetsWriter(),
    homes: new SetsWriter(),
    tokenlessHomes: new SetsWriter(),
  };
  readonly #homeless: number[] = [];
  /** Entries of exceptions only, by the exception that most of them share. */
  readonly #exceptions = new Map<number, number[]>();
  readonly #exceptionUsage: Usage = new Map();
  readonly #tokenlessHomeless: number[] = [];
  readonly #usage: Usage = new Map();
  readonly #attachments = new Map<string, AttachmentDraft>();
  readonly #entryRules = new GrowingWords();
  readonly #entryMasks = new GrowingWords();
  readonly #owned = new Set<string>();
  /** When rules that deny cease to. */
  readonly #denyEnds: number[] = [];
  readonly #conditions = new Set<string>();

  constructor(set: PolicySet, options: BuildOptions) {
    this.#set = set;
    this.#fingerprint = options.fingerprint;
    this.#compiler = new Compiler(set.groups, options);
  }

  run(): BuiltSnapshot {
    const policies = [...this.#set.policies].sort(compareReportOrder);
    const firstRules = new Uint32Array(policies.length + 1);
    policies.forEach(({ rules }, i) => {
      firstRules[i + 1] = firstRules[i]! + rules.length;
    });
    for (const isOfClass of CLASSES)
      policies.forEach((policy, i) => {
        if (isOfClass(policy)) this.#filePolicy(policy, i, firstRules[i]!);
      });
    const { diagnostics } = this.#compiler;
    if (diagnostics.length > 0) return { buffer: null, diagnostics };
    return { buffer: this.#write(policies, firstRules), diagnostics };
  }

  #filePolicy(policy: Policy, number: number, firstRule: number): void {
    const key = attachmentKey(policy);
    let attachment = this.#attachments.get(key);
    if (attachment === undefined) {
      attachment = new AttachmentDraft(policy);
      this.#attachments.set(key, attachment);
    }
    attachment.policies.push(number);
    const compiled: CompiledPolicy = policyHead(policy, () => []);
    policy.rules.forEach((rule, i) => {
      this.#fileRule(this.#compiler.rule(rule, firstRule + i, compiled), attachment);
    });
  }

  #fileRule(rule: CompiledRule, attachment: AttachmentDraft): void {
    attachment.add(rule);
    if (rule.cel !== null) this.#conditions.add(rule.cel.text);
    if (rule.policy.action === 'ALLOW')
      for (const [name] of rule.respond?.setHeaders ?? []) this.#owned.add(asciiLowerCase(name));
    this.#patterns.onUse = (pattern) => attachment.patterns.add(pattern);
    const { action, mode } = rule.policy;
    if (action === 'DENY' && mode === 'enforce' && rule.valid?.untilMs != null) this.#denyEnds.push(rule.valid.untilMs);
    for (const entry of entriesOf(rule, this.#patterns, this.#usage)) {
      const number = this.#entryRules.length;
      this.#fileEntry(entry, number);
      attachment.entries.push(number);
      this.#entryRules.push(rule.ordinal);
    }
  }

  #fileEntry(entry: Entry, number: number): void {
    const { wanted, unwanted, homes, tokenlessHomes } = this.#filed;
    let mask = entry.unwanted.length > 0 ? 1 << HAS_UNWANTED : 0;
    const home = homeOf(entry, this.#usage, 0);
    if (home === null && entry.unwanted.length > 0) this.#fileException(entry.unwanted, number);
    else file(homes, home, number, this.#homeless);
    const tokenless = homeOf(entry, this.#usage, TOKEN_DIMENSIONS);
    if (tokenless !== home) file(tokenlessHomes, tokenless, number, this.#tokenlessHomeless);
    for (const [dimension, field] of entry.wanted) {
      mask |= 1 << dimension;
      for (const pattern of [...field.patterns, ...field.anchors]) wanted.add(pattern, number);
      for (const pattern of field.patterns) this.#usage.set(pattern, (this.#usage.get(pattern) ?? 0) + 1);
    }
    for (const pattern of entry.unwanted) unwanted.add(pattern, number);
    this.#entryMasks.push(mask >>> 0);
  }

  #fileException(unwanted: readonly number[], entry: number): void {
    let shared = unwanted[0]!;
    for (const pattern of unwanted) {
      const usage = (this.#exceptionUsage.get(pattern) ?? 0) + 1;
      this.#exceptionUsage.set(pattern, usage);
      if (usage > this.#exceptionUsage.get(shared)!) shared = pattern;
    }
    const entries = this.#exceptions.get(shared);
    if (entries === undefined) this.#exceptions.set(shared, [entry]);
    else entries.push(entry);
  }

  /** Pattern and entries of each exception that counts; entries of others are looked for always. */
  #writeExceptions(): Uint32Array {
    const groups = [...this.#exceptions].sort(([, a], [, b]) => b.length - a.length);
    for (const [, entries] of groups.slice(MAX_EXCEPTIONS)) for (const entry of entries) this.#homeless.push(entry);
    return new Uint32Array(
      groups
        .slice(0, MAX_EXCEPTIONS)
        .flatMap(([pattern, entries]) => [pattern, this.#patterns.dimensionOf(pattern), this.#postings.write(entries)]),
    );
  }

  #write(policies: readonly Policy[], firstRules: Uint32Array): SharedArrayBuffer {
    const writer = new FlatWriter();
    const rules = new GrowingWords();
    const places = new GrowingWords();
    for (const policy of policies) {
      places.push(this.#values.write(policyValue(policy)));
      for (const rule of policy.rules) rules.push(this.#values.write(ruleValue(rule)));
    }
    writer.put('policies', places.taken);
    writer.put('policyRules', firstRules);
    writer.put('rules', rules.taken);
    writer.put('entryRules', this.#entryRules.taken);
    writer.put('entryMasks', this.#entryMasks.taken);
    writer.put('unconstrained', this.#unconstrained());
    writer.put('exceptions', this.#writeExceptions());
    writer.put(
      'homeless',
      new Uint32Array([
        this.#postings.write(this.#homeless.sort((a, b) => a - b)),
        this.#postings.write(this.#tokenlessHomeless),
      ]),
    );
    writer.put('attachments', this.#writeAttachments());
    writer.put('workloads', this.#writeWorkloads());
    const groups = [...this.#set.groups].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, group] of groups)
      this.#patterns.addPlace(PLACES.group, toByteString(name), this.#values.write(groupValue(group)));
    this.#patterns.finish(writer, this.#values, this.#filed);
    for (const name of outputHeaderNames(this.#set.authentications)) this.#owned.add(name);
    const { headers, claims, groupClaims } = this.#patterns;
    const head = new Uint32Array([
      this.#values.write([
        [...this.#owned].sort(),
        [...headers],
        [...claims.values()],
        [...groupClaims.values()],
        this.#unwantedDimensions(),
        this.#denyEnds.sort((a, b) => a - b),
        [...this.#conditions],
      ]),
    ]);
    writer.put('head', head);
    writer.put('identity', Buffer.from(identityText(this.#set.authentications)));
    this.#postings.finish(writer);
    this.#values.finish(writer);
    this.#text.finish(writer);
    writePositions(writer, policies);
    writer.put('revision', Buffer.from(writer.digest(this.#fingerprint).slice(0, REVISION_LENGTH)));
    return writer.finish();
  }

  #unconstrained(): Uint32Array {
    const masks = this.#entryMasks.taken;
    const references = new Uint32Array(DIMENSION_COUNT);
    for (let dimension = 0; dimension < DIMENSION_COUNT; dimension++) {
      const free: number[] = [];
      for (let entry = 0; entry < masks.length; entry++)
        if (((masks[entry]! >>> dimension) & 1) === 0) free.push(entry);
      // Where nothing is constrained, the dimension is never asked.
      references[dimension] = free.length === masks.length ? 0 : this.#postings.write(free);
    }
    return references;
  }

  /** Bits of the dimensions that have `not…` patterns. */
  #unwantedDimensions(): number {
    let mask = 0;
    for (const pattern of this.#filed.unwanted.sets) mask |= 1 << this.#patterns.dimensionOf(pattern);
    return mask;
  }

  #writeAttachments(): Uint32Array {
    const drafts = [...this.#attachments.values()];
    const counts = labelCounts(drafts.map(({ policy }) => policy));
    const places = new Uint32Array(drafts.length);
    drafts.forEach((draft, number) => {
      places[number] = this.#values.write(draft.value((numbers) => this.#postings.write(numbers)));
      for (const [table, text] of placesOf(draft.policy, counts))
        this.#filed.wanted.add(this.#patterns.addName(table, text), number);
    });
    return places;
  }

  #writeWorkloads(): Uint32Array {
    const placesByAddress = new Map<string, number[]>();
    for (const entry of [...this.#set.workloads].sort(byAddress)) {
      const address = addressOf(entry);
      const place = this.#values.write(workloadValue(entry));
      const places = placesByAddress.get(address);
      if (places === undefined) placesByAddress.set(address, [place]);
      else if (!places.includes(place)) places.push(place);
    }
    const words = new GrowingWords();
    for (const [address, places] of placesByAddress) {
      // More than one thing said of an address is a contradiction: `CONFLICT` stands for it.
      this.#patterns.addPlace(PLACES.workload, address, places.length > 1 ? CONFLICT : words.length + 1);
      if (places.length === 1) words.push(places[0]!);
    }
    return words.taken;
  }
}

function writePositions(writer: FlatWriter, policies: readonly Policy[]): void {
  const files = new Map<string, number>();
  const words = new GrowingWords();
  const push = ({ file, line, column }: Position): void => {
    const number = files.get(file) ?? files.size;
    files.set(file, number);
    words.push(number);
    words.push(line);
    words.push(column);
  };
  for (const { position } of policies) push(position);
  for (const { rules } of policies) for (const { position } of rules) push(position);
  writer.put('positions', words.taken);
  writer.put('files', Buffer.from(JSON.stringify([...files.keys()])));
}

function file(sets: SetsWriter, home: Wanted | null, entry: number, homeless: number[]): void {
  if (home === null) homeless.push(entry);
  else for (const pattern of [...home.patterns, ...home.anchors]) sets.add(pattern, entry);
}

/** In whatever order they were written, the same bytes. */
function byAddress(a: WorkloadEntry, b: WorkloadEntry): number {
  return compareText(a.address, b.address) || compareText(a.namespace, b.namespace) || compareText(a.name, b.name);
}

function addressOf({ address, namespace, name }: WorkloadEntry): string {
  const parsed = parseIp(address);
  if (parsed === null) throw new TypeError(`WorkloadEntry ${namespace}/${name}: not an IP address`);
  return parsed;
}
