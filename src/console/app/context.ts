import { createContext } from 'preact';
import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { asApiError } from '../api/api-error.ts';
import type { ApiError } from '../api/api-error.ts';
import { ApiClient } from '../api/client.ts';
import { PAGE_WORLD } from '../api/page-world.ts';
import { Poller } from '../api/poller.ts';

/** Below the page's own address, so that it is found behind a proxy with a path of its own, too. */
export function apiBase(): string {
  return new URL('../api/v1/', document.baseURI).href;
}

export const Api = createContext<ApiClient>(new ApiClient(apiBase(), null));

export function useApi(): ApiClient {
  return useContext(Api);
}

export interface Answer<T> {
  /** The newest one; null before the first. */
  readonly answer: T | null;
  /** Why there is no newer one; null when there is. */
  readonly error: ApiError | null;
  readonly askNow: () => void;
}

/**
 * What `load` says, again and again. Another `key` is another question: it is asked at once, and the old answer is gone.
 */
export function usePolled<T>(
  load: (api: ApiClient, signal: AbortSignal) => Promise<T>,
  everyMs: number,
  key: string,
): Answer<T> {
  const api = useApi();
  const [state, setState] = useState<Omit<Answer<T>, 'askNow'>>({ answer: null, error: null });
  const newest = useRef(load);
  newest.current = load;
  const poller = useRef<Poller<T> | null>(null);
  useEffect(() => {
    setState({ answer: null, error: null });
    const asking = new Poller<T>({
      load: (signal) => newest.current(api, signal),
      everyMs,
      onAnswer: (answer) => setState({ answer, error: null }),
      onError: (error) => setState(({ answer }) => ({ answer, error })),
      world: PAGE_WORLD,
    });
    poller.current = asking;
    return () => asking.stop();
  }, [api, everyMs, key]);
  return { ...state, askNow: () => poller.current?.askNow() };
}

/** What `ask` says, once for each `key`. */
export function useAsked<T>(
  ask: (api: ApiClient, signal: AbortSignal) => Promise<T>,
  key: string,
): { readonly answer: T | null; readonly error: ApiError | null } {
  const api = useApi();
  const [state, setState] = useState<{ readonly answer: T | null; readonly error: ApiError | null }>(NOTHING);
  useEffect(() => {
    setState(NOTHING);
    const asking = new AbortController();
    const take = (next: { readonly answer: T | null; readonly error: ApiError | null }): void => {
      if (!asking.signal.aborted) setState(next);
    };
    ask(api, asking.signal).then(
      (answer) => take({ answer, error: null }),
      (cause: unknown) => take({ answer: null, error: asApiError(cause) }),
    );
    return () => asking.abort();
  }, [api, key]);
  return state;
}

const NOTHING = { answer: null, error: null };
