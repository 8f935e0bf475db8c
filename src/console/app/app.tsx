import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiClient } from '../api/client.ts';
import { PAGE_WORLD } from '../api/page-world.ts';
import { DecisionsPage } from '../decisions/decisions-page.tsx';
import { ExplainPage } from '../explain/explain-page.tsx';
import { clock } from '../figures/format.ts';
import { GraphPage } from '../graph/graph-page.tsx';
import { OverviewPage } from '../overview/overview-page.tsx';
import { Notice } from '../parts/notice.tsx';
import { PoliciesPage } from '../policies/policies-page.tsx';
import { Boundary } from './boundary.tsx';
import { Api, apiBase } from './context.ts';
import { Head } from './head.tsx';
import { keepToken, keptToken } from './kept-token.ts';
import { Live } from './live.ts';
import type { LiveState } from './live.ts';
import { useRoute } from './route.ts';
import type { Route } from './route.ts';
import { useStore } from './store.ts';
import { TokenDialog } from './token-dialog.tsx';

export function App() {
  const [token, setToken] = useState<string | null>(keptToken);
  // Everything begins anew with another token.
  const session = useMemo(() => ({ client: new ApiClient(apiBase(), token) }), [token]);
  const live = useMemo(() => new Live(session.client, PAGE_WORLD), [session]);
  useEffect(() => () => live.stop(), [live]);
  const state = useStore(live.store);
  const route = useRoute();
  const { connection } = state;
  // Before that it is not known whether it wants a token.
  const hasAnswered = state.history.last !== null;
  const take = (given: string, keep: boolean): void => {
    keepToken(keep ? given : null);
    // The same one again is a new attempt.
    if (given === token) live.askNow();
    else setToken(given);
  };
  return (
    <Api.Provider value={session.client}>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <Head page={route.page} live={state} />
      <div class="notices" role="status">
        {connection.state === 'lost' && (
          <Notice
            kind="deny"
            action={
              <button type="button" class="button small" onClick={() => live.askNow()}>
                Try now
              </button>
            }
          >
            <p>
              <strong>
                {connection.error === null ? 'The service has not answered' : 'The service has only had errors to tell'}{' '}
                since {clock(connection.sinceMs)}.
              </strong>{' '}
              {connection.error !== null && `The last one: ${connection.error}. `}
              What you see is from before that. It is asked again by itself.
            </p>
          </Notice>
        )}
      </div>
      <main id="main" class="page" tabIndex={-1}>
        {connection.state !== 'locked' && hasAnswered && (
          <Boundary key={route.page}>
            <Page route={route} live={state} />
          </Boundary>
        )}
      </main>
      <footer class="foot">{state.status !== null && <>Portcullis {state.status.version}</>}</footer>
      {connection.state === 'locked' && (
        <TokenDialog key={token} wasRefused={token !== null} message={connection.message} onToken={take} />
      )}
    </Api.Provider>
  );
}

/** The address's `#` says which page this is: a link to a place in it would change that. */
function skip(event: Event): void {
  event.preventDefault();
  document.getElementById('main')?.focus();
}

function Page({ route: { page, parameters }, live }: { readonly route: Route; readonly live: LiveState }) {
  switch (page) {
    case 'overview':
      return <OverviewPage live={live} />;
    case 'decisions':
      return <DecisionsPage parameters={parameters} live={live} />;
    case 'policies':
      return <PoliciesPage parameters={parameters} />;
    case 'graph':
      return <GraphPage parameters={parameters} />;
    case 'explain':
      return <ExplainPage parameters={parameters} />;
  }
}
