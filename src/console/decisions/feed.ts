/** Decisions as they come in: shown at once, or held back while somebody reads. Bounded either way. */
import type { Decision, DecisionPage } from '../api/answers.ts';

/** Enough to look back over; what is older can be asked for with a filter. */
const MOST = 500;

export interface Feed {
  /** Newest first. */
  readonly shown: readonly Decision[];
  /** Newer ones, held back. */
  readonly held: readonly Decision[];
  /** For the next question. */
  readonly cursor: string | null;
  /** Denials that came and were not told. */
  readonly missed: number;
}

export const EMPTY_FEED: Feed = { shown: [], held: [], cursor: null, missed: 0 };

export function withPage(feed: Feed, page: DecisionPage, isHolding: boolean): Feed {
  const known = new Set([...feed.held, ...feed.shown].map(({ id }) => id));
  const fresh = page.decisions.filter(({ id }) => !known.has(id));
  // What was there before this page was opened is not missing from it.
  const missed = feed.cursor === null ? 0 : feed.missed + page.missed;
  const held = [...fresh, ...feed.held].slice(0, MOST);
  const next = { ...feed, held, cursor: page.cursor, missed };
  return isHolding ? next : released(next);
}

export function released(feed: Feed): Feed {
  return feed.held.length === 0 ? feed : { ...feed, shown: [...feed.held, ...feed.shown].slice(0, MOST), held: [] };
}

export interface Wanted {
  readonly caller: string;
  readonly text: string;
}

/** What the service itself does not filter by. */
export function isWanted(decision: Decision, { caller, text }: Wanted): boolean {
  const { principal, requestPrincipal, method, host, path, workload, reason, policy, rule, id, traceId } = decision;
  return (
    holds([principal, requestPrincipal], caller) &&
    holds(
      [`${method} ${host}${path}`, path, reason, policy, String(rule ?? ''), id, traceId, workloadWords(workload)],
      text,
    )
  );
}

function holds(texts: readonly (string | null)[], wanted: string): boolean {
  const lower = wanted.trim().toLowerCase();
  return lower === '' || texts.some((text) => text?.toLowerCase().includes(lower) === true);
}

function workloadWords(workload: Decision['workload']): string {
  if (workload === null) return '';
  const { namespace, serviceAccount, labels } = workload;
  return [`${namespace ?? ''}/${serviceAccount ?? ''}`, ...Object.values(labels ?? {})].join(' ');
}
