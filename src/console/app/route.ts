/**
 * Which page is shown, and of what: behind the `#` of the address, so that it can be kept and sent to somebody. What stands
 * there goes to no server.
 */
import { Store, useStore } from './store.ts';

export const PAGES = ['overview', 'decisions', 'policies', 'graph', 'explain'] as const;

export type PageName = (typeof PAGES)[number];

export interface Route {
  readonly page: PageName;
  readonly parameters: Readonly<Record<string, string>>;
}

/** What is not known leads to the first page. */
export function routeOf(hash: string): Route {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const page = PAGES.find((each) => each === path) ?? 'overview';
  return { page, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

/** Parameters that are empty are left out. */
export function addressOf(page: PageName, parameters: Readonly<Record<string, string | null>> = {}): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== null && value !== '') query.set(name, value);
  return query.size === 0 ? `#/${page}` : `#/${page}?${query.toString()}`;
}

const current = new Store<Route>(routeOf(location.hash));
addEventListener('hashchange', () => current.set(routeOf(location.hash)));

export function useRoute(): Route {
  return useStore(current);
}

/** Keeps what a form of the page says in the address, without a step to go back to. */
export function replaceParameters(page: PageName, parameters: Readonly<Record<string, string | null>>): void {
  const address = addressOf(page, parameters);
  if (address === location.hash) return;
  history.replaceState(null, '', address);
  current.set(routeOf(address));
}
