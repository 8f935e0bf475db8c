/**
 * Which rules might cover a rule: a few of many, found by where they are attached and by what they ask for, so that a
 * hundred thousand rules are not compared each with each.
 */
import type { Policy } from '../../model.ts';
import type { CompiledForLint } from '../compiled.ts';
import { filings, probes } from './keys.ts';
import type { Key } from './keys.ts';

/** Candidates that are compared for one rule; the others are let be, since a finding more is not worth the wait. */
const MAX_CANDIDATES = 64;

/** Labels of a selector up to which every part of them is looked up: 2⁴ places. */
const MAX_LABELS = 4;

export class Candidates {
  readonly #places = new Map<string, Place>();
  readonly #rootNamespace: string;

  constructor(rules: Iterable<CompiledForLint>, rootNamespace: string) {
    this.#rootNamespace = rootNamespace;
    const filed = [...rules].map((rule) => ({ rule, place: this.#placeOf(rule.policy), ways: filings(rule) }));
    for (const { place, ways } of filed) for (const keys of ways) for (const key of keys) place.count(key);
    for (const { rule, place, ways } of filed) place.file(rule, ways);
  }

  /** Rules of `action` that might cover the rule, itself among them. */
  *for(rule: CompiledForLint, action: Policy['action']): Generator<CompiledForLint> {
    const keys = probes(rule);
    let left = MAX_CANDIDATES;
    for (const name of attachmentNames(rule.policy, action, this.#rootNamespace)) {
      for (const candidate of this.#places.get(name)?.find(keys) ?? []) {
        yield candidate;
        if (--left === 0) return;
      }
    }
  }

  #placeOf(policy: Policy): Place {
    const name = attachmentName(policy, policy.action, policy.namespace, [...policy.matchLabels]);
    let place = this.#places.get(name);
    if (place === undefined) this.#places.set(name, (place = new Place()));
    return place;
  }
}

type Labels = readonly (readonly [string, string])[];

function attachmentName(policy: Policy, action: Policy['action'], namespace: string, labels: Labels): string {
  const sorted = labels.map((label) => JSON.stringify(label)).sort();
  return JSON.stringify([action, policy.mode, policy.targetGateways !== null, namespace, ...sorted]);
}

/** Of policies that may apply wherever this one does: of its namespace or the root's, with some of its labels. */
function* attachmentNames(policy: Policy, action: Policy['action'], rootNamespace: string): Generator<string> {
  for (const namespace of new Set([policy.namespace, rootNamespace]))
    for (const labels of partsOf([...policy.matchLabels])) yield attachmentName(policy, action, namespace, labels);
}

function partsOf(labels: Labels): readonly Labels[] {
  if (labels.length > MAX_LABELS) return [labels, ...labels.map((label) => [label]), []];
  let parts: Labels[] = [[]];
  for (const label of labels) parts = parts.flatMap((part) => [[...part, label], part]);
  return parts;
}

/** The rules of one attachment. */
class Place {
  readonly #counts = new Map<string, number>();
  readonly #rules = new Map<string, CompiledForLint[]>();
  /** Lengths of the texts that values are filed under by their beginning, by attribute. */
  readonly #lengths = new Map<string, Set<number>>();
  /** Rules that no value finds. */
  readonly #others: CompiledForLint[] = [];

  count(key: Key): void {
    const name = nameOf(key);
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1);
  }

  file(rule: CompiledForLint, ways: readonly (readonly Key[])[]): void {
    const crowd = (keys: readonly Key[]): number =>
      keys.reduce((most, key) => Math.max(most, this.#counts.get(nameOf(key))!), 0);
    let best: readonly Key[] | null = null;
    for (const keys of ways) if (best === null || crowd(keys) < crowd(best)) best = keys;
    if (best === null) {
      this.#others.push(rule);
      return;
    }
    for (const key of best) {
      const name = nameOf(key);
      const rules = this.#rules.get(name);
      if (rules === undefined) this.#rules.set(name, [rule]);
      else rules.push(rule);
      if (!key.open) continue;
      const lengths = this.#lengths.get(key.of);
      if (lengths === undefined) this.#lengths.set(key.of, new Set([key.text.length]));
      else lengths.add(key.text.length);
    }
  }

  *find(keys: readonly Key[]): Generator<CompiledForLint> {
    for (const { of, text, open } of keys) {
      if (!open) yield* this.#rules.get(nameOf({ of, text, open })) ?? [];
      for (const length of this.#lengths.get(of) ?? []) {
        if (length <= text.length)
          yield* this.#rules.get(nameOf({ of, text: text.slice(0, length), open: true })) ?? [];
      }
    }
    yield* this.#others;
  }
}

function nameOf({ of, text, open }: Key): string {
  return `${open ? '^' : '='}${of}\0${text}`;
}
