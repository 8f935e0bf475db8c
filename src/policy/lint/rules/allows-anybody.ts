import type { Operation, Rule, Source } from '../../model.ts';
import type { LintRule } from '../rule.ts';

/** An ALLOW rule that asks nothing of anybody, or only for some identity, and lets them do everything. */
export const allowsAnybody: LintRule = {
  code: 'allows-anybody',
  severity: 'warning',
  *findings({ set }) {
    for (const policy of set.policies) {
      if (policy.action !== 'ALLOW' || policy.mode === 'dry-run' || policy.targetGateways?.length === 0) continue;
      for (const rule of policy.rules) {
        if (rule.when.length > 0 || rule.condition !== null || !(rule.to ?? [NOTHING]).some(isEverything)) continue;
        const who = whoever(rule);
        if (who === null) continue;
        yield {
          position: rule.position,
          message: `${who} may do everything here, every method on every path`,
          hint: 'name callers in `from`, or paths and methods in `to`; no rule is needed for what stays closed',
        };
      }
    }
  },
};

const NOTHING = { is: {}, not: {} };

type Asked<Each extends Source | Operation> = Pick<Each, 'is' | 'not'>;

/** Values that take everything there is. */
const ALL: Readonly<Record<string, readonly string[]>> = { paths: ['*', '/*', '/{**}'], methods: ['*'], hosts: ['*'] };

function isEverything({ is, not }: Asked<Operation>): boolean {
  return (
    Object.keys(not).length === 0 &&
    Object.entries(is).every(([field, list]) => list.values.some((value) => ALL[field]?.includes(value) === true))
  );
}

function whoever({ from }: Rule): string | null {
  if (from === null) return 'anybody, without a certificate too,';
  for (const { is, not } of from) {
    const fields = Object.entries(is);
    if (Object.keys(not).length > 0 || fields.length === 0) continue;
    const open = fields.every(([field, { values }]) => OPEN[field]?.some((value) => values.includes(value)) === true);
    if (open)
      return 'principals' in is || 'trustDomains' in is || 'namespaces' in is
        ? 'every workload of any trust domain'
        : 'anybody';
  }
  return null;
}

const OPEN: Readonly<Record<string, readonly string[]>> = {
  principals: ['*'],
  namespaces: ['*'],
  trustDomains: ['*'],
  ipBlocks: ['0.0.0.0/0', '::/0'],
  remoteIpBlocks: ['0.0.0.0/0', '::/0'],
};
