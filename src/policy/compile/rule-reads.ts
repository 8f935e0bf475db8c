/** What a decision by a rule, and the answer to it, depend on. Asked at load only: no request needs it of a rule. */
import { celReads } from './cel-reads.ts';
import type { CompiledRule } from './compiled-rule.ts';
import type { Test } from './predicate.ts';
import { predicateReads, uniqueReads } from './read-set.ts';
import type { Read } from './read-set.ts';
import { respondReads } from './respond.ts';

export interface RuleReads {
  readonly reads: readonly Read[];
  /** Those of them whose very value counts: it is computed with or gets into the answer. Others are only compared with patterns. */
  readonly exactReads: readonly Read[];
  /** Reads the clock (CEL `now` or `request.time`): decisions that looked at it are not kept. */
  readonly readsClock: boolean;
}

export function ruleReads({ from, to, when, cel, respond }: CompiledRule): RuleReads {
  const predicates = [...(from?.flat() ?? []), ...(to?.flat() ?? []), ...when];
  const exactReads = uniqueReads([
    ...predicates.filter(({ test }) => !hasPatterns(test)).flatMap(predicateReads),
    ...(cel === null ? [] : celReads(cel)),
    ...(respond === null ? [] : respondReads(respond)),
  ]);
  return {
    reads: uniqueReads([...predicates.flatMap(predicateReads), ...exactReads]),
    exactReads,
    readsClock: cel !== null && cel.readsNow,
  };
}

/** What groups and metadata look at is not filed by its patterns. */
function hasPatterns({ attribute }: Test): boolean {
  return attribute !== 'groups' && attribute !== 'metadata';
}
