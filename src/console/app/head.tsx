import { Sign } from '../parts/sign.tsx';
import type { SignName } from '../parts/sign.tsx';
import type { LiveState } from './live.ts';
import { PAGES, addressOf } from './route.ts';
import type { PageName } from './route.ts';
import { useStore } from './store.ts';
import { chooseTheme, theme } from './theme.ts';
import type { Theme } from './theme.ts';

export const TITLES: Readonly<Record<PageName, string>> = {
  overview: 'Overview',
  decisions: 'Decisions',
  policies: 'Policies',
  graph: 'Graph',
  explain: 'Explain',
};

export function Head({ page, live }: { readonly page: PageName; readonly live: LiveState }) {
  return (
    <header class="head">
      <a class="brand" href={addressOf('overview')}>
        <Mark />
        Portcullis
      </a>
      <nav class="ways" aria-label="Pages">
        {PAGES.map((each) => (
          <a key={each} class="way" href={addressOf(each)} aria-current={each === page ? 'page' : undefined}>
            {TITLES[each]}
          </a>
        ))}
      </nav>
      <div class="head-end">
        <State live={live} />
        <ThemeButton />
      </div>
    </header>
  );
}

function Mark() {
  return (
    <svg width="22" height="24" viewBox="0 0 22 24" aria-hidden="true">
      <g fill="none" stroke="var(--accent)" stroke-linecap="round" stroke-linejoin="round">
        <path stroke-width="2.2" d="M1.500 22.500V10.500a9.500 9.500 0 0 1 19 0v12" />
        <path stroke-width="1.7" d="M6.500 4v15l0 2.500M11 1.500v18l0 3M15.500 4v15l0 2.500M2 10h18M2 15.500h18" />
      </g>
    </svg>
  );
}

function State({ live: { connection, status } }: { readonly live: LiveState }) {
  const [kind, sign, text] = stateOf(connection.state, status?.readiness ?? null);
  return (
    <span class={`badge ${kind}`}>
      <Sign name={sign} />
      {text}
    </span>
  );
}

function stateOf(
  connection: LiveState['connection']['state'],
  readiness: { readonly ready: boolean; readonly draining: boolean; readonly stale: boolean } | null,
): readonly [string, SignName, string] {
  if (connection === 'lost') return ['deny', 'deny', 'no answer'];
  if (connection === 'locked') return ['warn', 'warn', 'locked'];
  if (readiness === null) return ['', 'clock', 'connecting'];
  if (readiness.draining) return ['warn', 'warn', 'draining'];
  if (!readiness.ready) return ['deny', 'deny', 'not ready'];
  return readiness.stale ? ['warn', 'warn', 'stale'] : ['allow', 'allow', 'ready'];
}

const NEXT: Readonly<Record<Theme, Theme>> = { auto: 'light', light: 'dark', dark: 'auto' };
const SIGNS: Readonly<Record<Theme, SignName>> = { auto: 'auto', light: 'sun', dark: 'moon' };

function ThemeButton() {
  const chosen = useStore(theme);
  return (
    <button
      type="button"
      class="button small"
      aria-label={`Theme: ${chosen === 'auto' ? 'as the system' : chosen}`}
      title={`Theme: ${chosen === 'auto' ? 'as the system' : chosen}`}
      onClick={() => chooseTheme(NEXT[chosen])}
    >
      <Sign name={SIGNS[chosen]} />
    </button>
  );
}
