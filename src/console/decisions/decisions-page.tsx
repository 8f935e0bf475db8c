import { useState } from 'preact/hooks';
import type { LiveState } from '../app/live.ts';
import { replaceParameters } from '../app/route.ts';
import { count } from '../figures/format.ts';
import { ErrorNotice } from '../parts/notice.tsx';
import { PageHead } from '../parts/page-head.tsx';
import { Sign } from '../parts/sign.tsx';
import { DecisionTable } from './decision-table.tsx';
import { isWanted } from './feed.ts';
import { Filters } from './filters.tsx';
import type { FilterValues } from './filters.tsx';
import { useFeed } from './use-feed.ts';

export interface DecisionsPageProps {
  readonly parameters: Readonly<Record<string, string>>;
  readonly live: LiveState;
}

export function DecisionsPage({ parameters, live }: DecisionsPageProps) {
  const { decision = '', reason = '', policy = '', caller = '', text = '' } = parameters;
  const filters: FilterValues = { decision, reason, policy, caller, text };
  const [isPaused, setPaused] = useState(false);
  const [openId, setOpenId] = useState<string | null>(null);
  // Nothing moves under the eyes of somebody who reads a decision.
  const isHolding = isPaused || openId !== null;
  const { feed, error, isLoading, release } = useFeed(filters, isHolding);
  const rows = feed.shown.filter((each) => isWanted(each, filters));
  const held = feed.held.filter((each) => isWanted(each, filters)).length;
  const choose = (change: Partial<FilterValues>): void => {
    setOpenId(null);
    replaceParameters('decisions', { ...filters, ...change });
  };
  return (
    <>
      <PageHead
        title="Decisions"
        end={
          <button
            type="button"
            class="button"
            aria-pressed={isPaused}
            onClick={() => {
              if (isPaused) release();
              setPaused(!isPaused);
            }}
          >
            <Sign name={isPaused ? 'play' : 'pause'} />
            Pause
          </button>
        }
      >
        Denials, and a sample of what was allowed, as they come in. The decision log has them all.
      </PageHead>
      <Filters values={filters} reasons={live.reasons} rows={feed.shown} onChange={choose} />
      <ErrorNotice error={error} />
      <p class="decisions-count quiet small">
        {isLoading ? 'Asking …' : `${count(rows.length)} shown`}
        {feed.missed > 0 && `, ${count(feed.missed)} denials more came than fit in here`}
        {held > 0 && (
          <>
            {' · '}
            <button type="button" class="link" onClick={release}>
              show {count(held)} new
            </button>
          </>
        )}
      </p>
      {!isLoading && rows.length === 0 ? (
        <div class="card empty">
          {feed.shown.length === 0
            ? 'No decision of this kind came lately.'
            : 'None of those that are shown here is like that.'}
        </div>
      ) : (
        <DecisionTable rows={rows} openId={openId} onOpen={setOpenId} />
      )}
    </>
  );
}
