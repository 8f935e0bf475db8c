/** A validated set → a flat snapshot. All the work that grows with the rules is done here, at load. */
import { parseIp } from '../../attributes/address.ts';
import { asciiLowerCase, toByteString } from '../../attributes/bytes.ts';
import type { Diagnostic } from '../../lib/diagnostic.ts';
import { Compiler, policyHead } from '../../policy/compile/compile.ts';
import type { CompileOptions } from '../../policy/compile/compile.ts';
import type { CompiledPolicy, CompiledRule } from '../../policy/compile/compiled-rule.ts';
import type { Policy, PolicySet, WorkloadEntry } from '../../policy/model.ts';
import { compareReportOrder } from '../../policy/report-order.ts';
import { attachmentKey, AttachmentDraft, labelCounts, placesOf } from './attachments.ts';
import { DIMENSION_COUNT, TOKEN_DIMENSIONS } from './dimensions.ts';
import { FlatWriter } from './format.ts';
import { CONFLICT, PLACES } from './places.ts';
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

/** The bit of an entry that patterns may put out. */
export const HAS_UNWANTED = 31;

export function buildFlat(set: PolicySet, options: CompileOptions, revision: string): BuiltSnapshot {
  return new Build(set, options, revision).run();
}

class Build {
  readonly #set: PolicySet;
  readonly #revision: string;
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
  readonly #tokenlessHomeless: number[] = [];
  readonly #usage: Usage = new Map();
  readonly #attachments = new Map<string, AttachmentDraft>();
  readonly #entryRules = new GrowingWords();
  readonly #entryMasks = new GrowingWords();
  readonly #owned = new Set<string>();
  /** When rules that deny cease to. */
  readonly #denyEnds: number[] = [];
  readonly #conditions = new Set<string>();

  constructor(set: PolicySet, options: CompileOptions, revision: string) {
    this.#set = set;
    this.#revision = revision;
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
    file(homes, home, number, this.#homeless);
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
    writer.put(
      'homeless',
      new Uint32Array([this.#postings.write(this.#homeless), this.#postings.write(this.#tokenlessHomeless)]),
    );
    writer.put('attachments', this.#writeAttachments());
    writer.put('workloads', this.#writeWorkloads());
    for (const [name, group] of this.#set.groups)
      this.#patterns.addPlace(PLACES.group, toByteString(name), this.#values.write(groupValue(group)));
    this.#patterns.finish(writer, this.#values, this.#filed);
    const { headers, claims, groupClaims } = this.#patterns;
    const head = new Uint32Array([
      this.#values.write([
        this.#revision,
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
    this.#postings.finish(writer);
    this.#values.finish(writer);
    this.#text.finish(writer);
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
    const byAddress = new Map<string, number[]>();
    for (const entry of this.#set.workloads) {
      const address = addressOf(entry);
      const place = this.#values.write(workloadValue(entry));
      const places = byAddress.get(address);
      if (places === undefined) byAddress.set(address, [place]);
      else if (!places.includes(place)) places.push(place);
    }
    const words = new GrowingWords();
    for (const [address, places] of byAddress) {
      // More than one thing said of an address is a contradiction: `CONFLICT` stands for it.
      this.#patterns.addPlace(PLACES.workload, address, places.length > 1 ? CONFLICT : words.length + 1);
      if (places.length === 1) words.push(places[0]!);
    }
    return words.taken;
  }
}

function file(sets: SetsWriter, home: Wanted | null, entry: number, homeless: number[]): void {
  if (home === null) homeless.push(entry);
  else for (const pattern of [...home.patterns, ...home.anchors]) sets.add(pattern, entry);
}

function addressOf({ address, namespace, name }: WorkloadEntry): string {
  const parsed = parseIp(address);
  if (parsed === null) throw new TypeError(`WorkloadEntry ${namespace}/${name}: not an IP address`);
  return parsed;
}
