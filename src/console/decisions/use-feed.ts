import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { asApiError } from '../api/api-error.ts';
import type { ApiError } from '../api/api-error.ts';
import type { DecisionPage } from '../api/answers.ts';
import { PAGE_WORLD } from '../api/page-world.ts';
import { Poller } from '../api/poller.ts';
import { useApi } from '../app/context.ts';
import { EMPTY_FEED, released, withPage } from './feed.ts';
import type { Feed } from './feed.ts';

const EVERY_MS = 2000;
/** Of one question. */
const LIMIT = 200;

export interface FeedFilter {
  readonly decision: string;
  readonly reason: string;
  readonly policy: string;
}

export interface LiveFeed {
  readonly feed: Feed;
  readonly error: ApiError | null;
  /** Before the first answer. */
  readonly isLoading: boolean;
  /** Shows what is held back. */
  readonly release: () => void;
}

export function useFeed({ decision, reason, policy }: FeedFilter, isHolding: boolean): LiveFeed {
  const api = useApi();
  const [feed, setFeed] = useState<Feed>(EMPTY_FEED);
  const [error, setError] = useState<ApiError | null>(null);
  const [isLoading, setLoading] = useState(true);
  const holding = useRef(isHolding);
  holding.current = isHolding;
  const cursor = useRef<string | null>(null);
  useEffect(() => {
    setFeed(EMPTY_FEED);
    setError(null);
    setLoading(true);
    cursor.current = null;
    const poller = new Poller<DecisionPage>({
      async load(signal) {
        const parameters = { decision, reason, policy, limit: LIMIT };
        try {
          return await api.get<DecisionPage>('decisions', { ...parameters, after: cursor.current }, signal);
        } catch (cause) {
          // A cursor of a service that has begun anew since.
          if (cursor.current === null || asApiError(cause).failure !== 'refused') throw cause;
          return api.get<DecisionPage>('decisions', parameters, signal);
        }
      },
      everyMs: EVERY_MS,
      onAnswer(page) {
        cursor.current = page.cursor;
        setFeed((present) => withPage(present, page, holding.current));
        setError(null);
        setLoading(false);
      },
      onError: setError,
      world: PAGE_WORLD,
    });
    return () => poller.stop();
  }, [api, decision, reason, policy]);
  const release = useCallback(() => setFeed(released), []);
  return { feed, error, isLoading, release };
}
