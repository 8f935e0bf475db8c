/** Lists of the API come in pages. These ask for page after page, up to a bound. */
import type { CallersPage, Grant, Policy, PolicyPage, Selector } from './answers.ts';
import type { ApiClient, Parameters } from './client.ts';

export interface Grants {
  readonly grants: readonly Grant[];
  /** By their id. */
  readonly workloads: ReadonlyMap<string, Selector>;
  readonly defaultAction: 'ALLOW' | 'DENY';
  readonly countedSince: string;
  /** Rules in force. */
  readonly total: number;
  readonly isWhole: boolean;
}

const PAGE = 1000;
/** What can be shown in one picture or table and be of use to anybody; with a filter others are. */
const MOST_GRANTS = 3000;

export async function allGrants(api: ApiClient, parameters: Parameters, signal: AbortSignal): Promise<Grants> {
  const grants: Grant[] = [];
  const workloads = new Map<string, Selector>();
  let after: string | null = null;
  while (true) {
    const page: CallersPage = await api.get<CallersPage>('callers', { ...parameters, limit: PAGE, after }, signal);
    grants.push(...page.grants);
    for (const workload of page.workloads) workloads.set(workload.id, workload);
    after = page.next;
    const { defaultAction, countedSince, total } = page;
    if (after === null || grants.length >= MOST_GRANTS)
      return { grants, workloads, defaultAction, countedSince, total, isWhole: after === null };
  }
}

export interface Policies {
  readonly policies: readonly Policy[];
  readonly countedSince: string;
  /** Policies in force. */
  readonly total: number;
  /** There are more of this kind. */
  readonly hasMore: boolean;
}

const POLICY_PAGE = 100;

/** The first `pages` of them. */
export async function somePolicies(
  api: ApiClient,
  parameters: Parameters,
  pages: number,
  signal: AbortSignal,
): Promise<Policies> {
  const policies: Policy[] = [];
  let after: string | null = null;
  for (let at = 0; ; at += 1) {
    const page: PolicyPage = await api.get<PolicyPage>(
      'policies',
      { ...parameters, limit: POLICY_PAGE, after },
      signal,
    );
    policies.push(...page.policies);
    after = page.next;
    if (after === null || at + 1 >= pages)
      return { policies, countedSince: page.countedSince, total: page.total, hasMore: after !== null };
  }
}
