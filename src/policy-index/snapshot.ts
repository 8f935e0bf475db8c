/**
 * The frozen result of loading policies: the one value where the control plane and the data plane meet.
 */
import type { IpAddress } from '../attributes/address.ts';
import { sameWorkload } from '../attributes/workload.ts';
import type { Workload } from '../attributes/workload.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';
import type { Steps } from '../lib/steps.ts';
import type { CompiledPolicy, CompiledRule } from '../policy/compile/compiled-rule.ts';
import { trustDomains } from '../policy/compile/trust-domain.ts';
import type { Authentication } from '../policy/identity-model.ts';
import type { PolicyKind, PolicySet } from '../policy/model.ts';
import { buildFlat } from './flat/build.ts';
import { FlatSnapshot } from './flat/flat-snapshot.ts';
import { buildScope } from './scope.ts';
import type { IndexMaker, Scope } from './scope.ts';
import type { DecisionSettings } from './settings.ts';

export interface PolicySnapshot {
  /** Hash of content and decision settings: equal on all replicas that decide alike. */
  readonly revision: string;
  readonly settings: DecisionSettings;
  /** The snapshot as bytes (flat/format.ts): what other threads and processes, and the disk, get. */
  readonly buffer: SharedArrayBuffer;
  /** In report order. Made when asked for. */
  readonly policies: readonly CompiledPolicy[];
  readonly policyCount: number;
  readonly ruleCount: number;
  /** By its policy (`namespace/name`) and place there; null: there is none. */
  ruleOf(kind: PolicyKind, policy: string, index: number): CompiledRule | null;
  /** Rules that would deny, and whose time is over. */
  expiredDenyRules(nowMs: number): number;
  /** Which workload an address is; null: no entry; `conflict`: entries that say different things. */
  workloadAt(address: IpAddress): Workload | 'conflict' | null;
  /** By which proofs callers say who they are, of any workload. */
  readonly authentications: readonly Authentication[];
  /** Our trust domain and its aliases. */
  readonly ourTrustDomains: ReadonlySet<string>;
  /** Lower-case names of all request headers that some rule can set, in Shadow mode too: removed from every request that is allowed. */
  readonly ownedHeaders: readonly string[];
  /** The same with `_` for every `-`: names that fold alike are one name to some frameworks. */
  readonly ownedFolded: ReadonlySet<string>;
  /** Some owned name has an underscore itself, so that names without one can be its variants. */
  readonly ownedHaveUnderscore: boolean;
  /** Does what the first requests would otherwise wait for. */
  warm(): Steps<void>;
  /** The policies of a workload; null: some policy asks for something of it that is not known. */
  scopeOf(workload: Workload): Scope | null;
}

/**
 * Scopes are made when first asked for and kept. A mesh has as many as it has workloads with a label set
 * of their own; past this bound they are all made anew rather than let grow.
 */
const MAX_SCOPES = 20_000;
/** Those of one account and first label are gone through one by one: versions and roles of a service. */
const MAX_ALIKE = 64;

export interface SnapshotResult {
  /** null when there are errors. */
  readonly snapshot: PolicySnapshot | null;
  readonly diagnostics: readonly Diagnostic[];
}

/** All at once; a service has the work done in another thread (pap/load-aside.ts). */
export function compileSnapshot(
  set: PolicySet,
  settings: DecisionSettings,
  makeIndex: IndexMaker | null = null,
): SnapshotResult {
  const { buffer, diagnostics } = buildFlat(set, settings);
  return { snapshot: buffer === null ? null : openSnapshot(buffer, settings, makeIndex), diagnostics };
}

/**
 * Costs the same whatever is in `buffer`. The settings must be those with which it was built.
 *
 * @throws NotFlat
 */
export function openSnapshot(
  buffer: SharedArrayBuffer,
  settings: DecisionSettings,
  makeIndex: IndexMaker | null = null,
): PolicySnapshot {
  const flat = new FlatSnapshot(buffer, settings);
  const { ownedHeaders } = flat;
  const scopes = new Scopes((workload) => buildScope(flat, workload, settings.rootNamespace, makeIndex));
  return {
    revision: flat.revision,
    settings,
    buffer,
    get policies() {
      return Array.from({ length: flat.policyCount }, (_, number) => flat.policy(number));
    },
    policyCount: flat.policyCount,
    ruleCount: flat.ruleCount,
    ruleOf: (kind, policy, index) => flat.ruleOf(kind, policy, index),
    expiredDenyRules: (nowMs) => flat.denyEndsMs.filter((endMs) => endMs <= nowMs).length,
    warm: () => flat.warm(),
    authentications: flat.authentications,
    workloadAt: (address) => flat.workload(address),
    ourTrustDomains: trustDomains(settings.trustDomain, settings.trustDomainAliases).ours,
    ownedHeaders,
    ownedFolded: new Set(ownedHeaders.map((name) => name.replaceAll('-', '_'))),
    ownedHaveUnderscore: ownedHeaders.some((name) => name.includes('_')),
    scopeOf: (workload) => scopes.of(workload),
  };
}

/** The value of the first label by name, in whatever order they came. */
function firstLabel({ labels }: Workload): string {
  let first: string | null = null;
  for (const name of labels?.keys() ?? []) if (first === null || name < first) first = name;
  return first === null ? '-' : labels!.get(first)!;
}

/** By workload. What is found there is found without sorting labels or making a text of them. */
class Scopes {
  readonly #build: (workload: Workload) => Scope | null;
  readonly #byName = new Map<string, { readonly workload: Workload; readonly scope: Scope | null }[]>();
  /** Workloads of the inventory are the same objects each time. */
  readonly #byEntry = new WeakMap<Workload, Scope | null>();
  #count = 0;

  constructor(build: (workload: Workload) => Scope | null) {
    this.#build = build;
  }

  of(workload: Workload): Scope | null {
    if (workload.source !== 'inventory') return this.#named(workload);
    let scope = this.#byEntry.get(workload);
    if (scope === undefined) {
      scope = this.#named(workload);
      this.#byEntry.set(workload, scope);
    }
    return scope;
  }

  #named(workload: Workload): Scope | null {
    // Near enough to tell most apart, whatever is in the names: the comparison below is what counts.
    const name = `${workload.namespace ?? '-'}/${workload.serviceAccount ?? '-'}/${firstLabel(workload)}`;
    let alike = this.#byName.get(name);
    if (alike !== undefined) for (const known of alike) if (sameWorkload(known.workload, workload)) return known.scope;
    if (this.#count >= MAX_SCOPES) {
      this.#byName.clear();
      this.#count = 0;
      alike = undefined;
    } else if (alike !== undefined && alike.length >= MAX_ALIKE) {
      this.#count -= alike.length;
      alike.length = 0;
    }
    const scope = this.#build(workload);
    if (alike === undefined) this.#byName.set(name, [{ workload, scope }]);
    else alike.push({ workload, scope });
    this.#count++;
    return scope;
  }
}
