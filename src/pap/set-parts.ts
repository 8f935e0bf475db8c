/**
 * A {@link PolicySet} cut into small parts, to cross from one thread to another while the receiving one serves:
 * a structured clone of 20,000 rules in one message would keep every request waiting until it is read.
 */
import { serialize } from 'node:v8';
import type { Diagnostic } from '../lib/diagnostic.ts';
import type { Policy, PolicySet, PrincipalGroup, Rule, WorkloadEntry } from '../policy/model.ts';

export type SetPart =
  /** Its rules follow, one by one. */
  | { readonly kind: 'policy'; readonly policy: Policy }
  | { readonly kind: 'rule'; readonly rule: Rule }
  | { readonly kind: 'group'; readonly name: string; readonly group: PrincipalGroup }
  | { readonly kind: 'workload'; readonly workload: WorkloadEntry }
  | { readonly kind: 'diagnostic'; readonly diagnostic: Diagnostic };

/** Serialized bytes of one slice, a little more or less: read in about a millisecond. A part is never cut. */
const SLICE_BYTES = 64 * 1024;

export function* partsOf(set: PolicySet | null, diagnostics: readonly Diagnostic[]): Generator<SetPart> {
  for (const policy of set?.policies ?? []) {
    yield { kind: 'policy', policy: { ...policy, rules: [] } };
    for (const rule of policy.rules) yield { kind: 'rule', rule };
  }
  for (const [name, group] of set?.groups ?? []) yield { kind: 'group', name, group };
  for (const workload of set?.workloads ?? []) yield { kind: 'workload', workload };
  for (const diagnostic of diagnostics) yield { kind: 'diagnostic', diagnostic };
}

export function* slicesOf(parts: Iterable<SetPart>, maxBytes = SLICE_BYTES): Generator<readonly SetPart[]> {
  let slice: SetPart[] = [];
  let bytes = 0;
  for (const part of parts) {
    slice.push(part);
    bytes += serialize(part).length;
    if (bytes < maxBytes) continue;
    yield slice;
    slice = [];
    bytes = 0;
  }
  if (slice.length > 0) yield slice;
}

/** Puts together what {@link partsOf} took apart. */
export class SetAssembly {
  readonly diagnostics: Diagnostic[] = [];
  readonly #policies: Policy[] = [];
  readonly #groups = new Map<string, PrincipalGroup>();
  readonly #workloads: WorkloadEntry[] = [];
  #rules: Rule[] = [];

  add(parts: readonly SetPart[]): void {
    for (const part of parts) {
      switch (part.kind) {
        case 'policy':
          this.#rules = [];
          this.#policies.push({ ...part.policy, rules: this.#rules });
          break;
        case 'rule':
          this.#rules.push(part.rule);
          break;
        case 'group':
          this.#groups.set(part.name, part.group);
          break;
        case 'workload':
          this.#workloads.push(part.workload);
          break;
        case 'diagnostic':
          this.diagnostics.push(part.diagnostic);
          break;
      }
    }
  }

  get set(): PolicySet {
    return { policies: this.#policies, groups: this.#groups, workloads: this.#workloads };
  }
}
