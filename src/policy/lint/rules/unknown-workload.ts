import { didYouMean } from '../../did-you-mean.ts';
import type { Authentication } from '../../identity-model.ts';
import type { PolicySet } from '../../model.ts';
import type { LanguageOptions } from '../../options.ts';
import type { LintRule } from '../rule.ts';
import { mayShareWorkload } from '../tokens.ts';

/**
 * Proofs for workloads with a label that nothing else speaks of, neither a policy nor a WorkloadEntry: most likely it is
 * misspelt, and then no workload takes the proofs. Where nothing at all has labels there is nothing to compare with.
 */
export const unknownWorkload: LintRule = {
  code: 'unknown-workload',
  severity: 'warning',
  *findings({ set, options }) {
    for (const authentication of set.authentications) {
      if (authentication.matchLabels.size === 0) continue;
      const known = knownLabels(set, authentication, options);
      if (known.size === 0) continue;
      for (const label of texts(authentication.matchLabels)) {
        if (known.has(label)) continue;
        const { kind, namespace, name, position } = authentication;
        yield {
          position,
          message: `the ${kind} \`${namespace}/${name}\` selects \`${label}\`, and no policy or workload entry has that label`,
          hint: hintFor(label, [...known]),
        };
      }
    }
  },
};

function knownLabels(set: PolicySet, authentication: Authentication, options: LanguageOptions): ReadonlySet<string> {
  const labels = new Set<string>();
  for (const policy of set.policies) {
    if (mayShareWorkload(policy, authentication, options))
      for (const label of texts(policy.matchLabels)) labels.add(label);
  }
  for (const entry of set.workloads) {
    if (entry.namespace === authentication.namespace || authentication.namespace === options.rootNamespace) {
      for (const label of texts(entry.labels)) labels.add(label);
    }
  }
  return labels;
}

/** More of them say nothing to a reader. */
const MAX_NAMED = 5;

function hintFor(label: string, known: readonly string[]): string {
  const hint = didYouMean(label, known, 'labels that are known here are');
  return known.length <= MAX_NAMED || hint.startsWith('did you mean')
    ? hint
    : 'proofs are taken only by workloads with all labels of the selector';
}

function texts(labels: ReadonlyMap<string, string>): string[] {
  return [...labels].map(([key, value]) => `${key}: ${value}`);
}
