import { useEffect, useState } from 'preact/hooks';
import type { Grant } from '../api/answers.ts';
import { allGrants, somePolicies } from '../api/pages.ts';
import { usePolled } from '../app/context.ts';
import { replaceParameters } from '../app/route.ts';
import { count, date, span } from '../figures/format.ts';
import { ErrorNotice } from '../parts/notice.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { TextField } from '../parts/text-field.tsx';
import { PolicyCard } from './policy-card.tsx';
import { ORDERS, unusedOf, viewOf } from './policy-view.ts';

const EVERY_MS = 5000;
/** What rules say does not change between two reloads, and is long. */
const GRANTS_EVERY_MS = 30_000;

export function PoliciesPage({ parameters }: { readonly parameters: Readonly<Record<string, string>> }) {
  const { text = '', action = '', unused = '', order = '' } = parameters;
  const filter = {
    text,
    action,
    isUnusedOnly: unused === 'true',
    order: ORDERS.find((each) => each === order) ?? 'report',
  };
  const [pages, setPages] = useState(1);
  // The service leaves out what has no such rule; otherwise pages of policies without one could come in between.
  const asked = filter.isUnusedOnly ? { unused: true } : {};
  const { answer, error, askNow } = usePolled(
    (api, signal) => somePolicies(api, asked, pages, signal),
    EVERY_MS,
    filter.isUnusedOnly ? 'unused' : 'all',
  );
  useEffect(askNow, [pages]);
  const grants = usePolled((api, signal) => allGrants(api, {}, signal), GRANTS_EVERY_MS, '');
  const said = new Map(grants.answer?.grants.map((grant): [number, Grant] => [grant.ordinal, grant]) ?? []);
  const shown = answer === null ? [] : viewOf(answer.policies, filter);
  const unusedRules = shown.reduce((sum, policy) => sum + unusedOf(policy), 0);
  const change = (next: Readonly<Record<string, string>>): void =>
    replaceParameters('policies', { ...parameters, ...next });
  return (
    <>
      <PageHead title="Policies">
        Which rules decide, and which never did
        {answer !== null && (
          <>
            {' '}
            since {date(Date.parse(answer.countedSince))} ({span(Date.now() - Date.parse(answer.countedSince))})
          </>
        )}
        .
      </PageHead>
      <form class="toolbar" role="search" aria-label="Policies" onSubmit={(event) => event.preventDefault()}>
        <TextField label="Text" search value={text} onValue={(value) => change({ text: value })} />
        <div class="field">
          <label for="policy-action">Action</label>
          <select id="policy-action" value={action} onChange={(event) => change({ action: event.currentTarget.value })}>
            <option value="">any</option>
            <option value="ALLOW">ALLOW</option>
            <option value="DENY">DENY</option>
          </select>
        </div>
        <div class="field">
          <label for="policy-order">Order</label>
          <select
            id="policy-order"
            value={filter.order}
            onChange={(event) => change({ order: event.currentTarget.value })}
          >
            <option value="report">as they are listed</option>
            <option value="most used">most used first</option>
            <option value="least used">least used first</option>
            <option value="name">by name</option>
          </select>
        </div>
        <div class="field slim">
          <button
            type="button"
            class="button"
            aria-pressed={filter.isUnusedOnly}
            onClick={() => change({ unused: filter.isUnusedOnly ? '' : 'true' })}
          >
            Only never used
          </button>
        </div>
      </form>
      <ErrorNotice error={error} />
      {answer === null ? (
        <p class="quiet">Asking …</p>
      ) : (
        <>
          <p class="quiet small policies-count">
            {count(shown.length)} of {count(answer.total)} policies
            {unusedRules > 0 &&
              `, in which ${count(unusedRules)} ${unusedRules === 1 ? 'rule was' : 'rules were'} never used`}
          </p>
          {shown.length === 0 && <p class="card empty">No policy is like that.</p>}
          <div class="stack">
            {shown.map((policy) => (
              <PolicyCard
                key={`${policy.kind} ${policy.policy}`}
                policy={policy}
                said={said}
                isUnusedOnly={filter.isUnusedOnly}
              />
            ))}
          </div>
          {answer.hasMore && (
            <p class="policies-more">
              <button type="button" class="button" onClick={() => setPages(pages + 1)}>
                Load more
              </button>
            </p>
          )}
        </>
      )}
    </>
  );
}
