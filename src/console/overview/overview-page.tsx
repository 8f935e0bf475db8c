import type { LiveState } from '../app/live.ts';
import { PageHead } from '../parts/page-head.tsx';
import { Charts } from './charts.tsx';
import { Denials } from './denials.tsx';
import { Figures } from './figures.tsx';
import { Latest } from './latest.tsx';
import { Problems } from './problems.tsx';
import { StateCard } from './state-card.tsx';

export function OverviewPage({ live: { status, history } }: { readonly live: LiveState }) {
  return (
    <>
      <PageHead title="Overview">What this service decides at the moment, and by which policies.</PageHead>
      <div class="stack">
        {status !== null && <Problems readiness={status.readiness} />}
        <Figures history={history} />
        <Charts history={history}>
          <Denials history={history} />
        </Charts>
        <div class="overview-end">
          <Latest />
          {status !== null && <StateCard status={status} />}
        </div>
      </div>
    </>
  );
}
