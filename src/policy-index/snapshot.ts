/**
 * The frozen result of loading policies: the one value where the control plane and the data plane meet.
 */
import { asciiLowerCase } from '../attributes/bytes.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';
import { runSteps } from '../lib/steps.ts';
import type { Steps } from '../lib/steps.ts';
import { compilePolicies } from '../policy/compile/compile.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-rule.ts';
import { trustDomains } from '../policy/compile/trust-domain.ts';
import type { PolicySet } from '../policy/model.ts';
import { buildInventory } from './inventory.ts';
import type { Inventory } from './inventory.ts';
import { keyedIndex } from './keyed-index.ts';
import { revisionOf } from './revision.ts';
import { buildScope } from './scope.ts';
import type { IndexMaker, Scope } from './scope.ts';
import type { DecisionSettings } from './settings.ts';
import { workloadKey } from '../attributes/workload.ts';
import type { Workload } from '../attributes/workload.ts';

export interface PolicySnapshot {
  /** Hash of content and decision settings: equal on all replicas that decide alike. */
  readonly revision: string;
  readonly settings: DecisionSettings;
  readonly policies: readonly CompiledPolicy[];
  readonly ruleCount: number;
  readonly inventory: Inventory;
  /** Our trust domain and its aliases. */
  readonly ourTrustDomains: ReadonlySet<string>;
  /** Lower-case names of all request headers that some rule can set, in Shadow mode too: removed from every request that is allowed. */
  readonly ownedHeaders: readonly string[];
  /** The same with `_` for every `-`: names that fold alike are one name to some frameworks. */
  readonly ownedFolded: ReadonlySet<string>;
  /** Some owned name has an underscore itself, so that names without one can be its variants. */
  readonly ownedHaveUnderscore: boolean;
  /** The policies of a workload; null: some policy asks for something of it that is not known. */
  scopeOf(workload: Workload): Scope | null;
}

/**
 * Scopes are made when first asked for and kept. A mesh has as many as it has workloads with a label set
 * of their own; past this bound they are all made anew rather than let grow.
 */
const MAX_SCOPES = 20_000;

export interface SnapshotResult {
  /** null when there are errors. */
  readonly snapshot: PolicySnapshot | null;
  readonly diagnostics: readonly Diagnostic[];
}

export function compileSnapshot(
  set: PolicySet,
  settings: DecisionSettings,
  makeIndex: IndexMaker = keyedIndex,
): SnapshotResult {
  return runSteps(compileSnapshotSteps(set, settings, () => revisionOf(set, settings.fingerprint), makeIndex));
}

/** The same in steps. `revision` is asked for only when there are no errors. */
export function* compileSnapshotSteps(
  set: PolicySet,
  settings: DecisionSettings,
  revision: () => string,
  makeIndex: IndexMaker = keyedIndex,
): Steps<SnapshotResult> {
  const { policies, diagnostics } = yield* compilePolicies(set, settings);
  if (diagnostics.some(({ severity }) => severity === 'error')) return { snapshot: null, diagnostics };
  const owned = new Set<string>();
  for (const policy of policies)
    for (const rule of policy.action === 'ALLOW' ? policy.rules : [])
      for (const [name] of rule.respond?.setHeaders ?? []) owned.add(asciiLowerCase(name));
  const scopes = new Map<string, Scope | null>();
  const byEntry = new WeakMap<Workload, Scope | null>();
  const snapshot: PolicySnapshot = {
    revision: revision(),
    settings,
    policies,
    ruleCount: policies.reduce((sum, policy) => sum + policy.rules.length, 0),
    inventory: yield* buildInventory(set.workloads),
    ourTrustDomains: trustDomains(settings.trustDomain, settings.trustDomainAliases).ours,
    ownedHeaders: [...owned].sort(),
    ownedFolded: new Set([...owned].map((name) => name.replaceAll('-', '_'))),
    ownedHaveUnderscore: [...owned].some((name) => name.includes('_')),
    scopeOf(workload) {
      // Workloads of the inventory are the same objects each time: no key has to be made for them.
      if (workload.source === 'inventory') {
        let scope = byEntry.get(workload);
        if (scope === undefined) {
          scope = scopeByKey(workload);
          byEntry.set(workload, scope);
        }
        return scope;
      }
      return scopeByKey(workload);
    },
  };
  function scopeByKey(workload: Workload): Scope | null {
    const key = workloadKey(workload);
    let scope = scopes.get(key);
    if (scope === undefined) {
      if (scopes.size >= MAX_SCOPES) scopes.clear();
      scope = buildScope(policies, workload, settings.rootNamespace, makeIndex);
      scopes.set(key, scope);
    }
    return scope;
  }
  return { snapshot, diagnostics };
}
