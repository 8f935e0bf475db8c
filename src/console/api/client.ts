/** Asks the admin API of the service that this page came from. */
import { ApiError } from './api-error.ts';
import { visible } from './visible.ts';

/** What takes longer is lost: costly answers of the service have a bound of their own below this. */
const TIMEOUT_MS = 20_000;

export type Parameters = Readonly<Record<string, string | number | boolean | null>>;

export class ApiClient {
  readonly #base: string;
  #token: string | null;

  /** `base`: of the API, with a slash at its end. */
  constructor(base: string, token: string | null) {
    this.#base = base;
    this.#token = token;
  }

  /** Goes into a header of each request, and nowhere else. */
  useToken(token: string | null): void {
    this.#token = token;
  }

  /** Parameters that are null or empty are left out. */
  get<T>(path: string, parameters: Parameters, signal?: AbortSignal): Promise<T> {
    const url = new URL(path, this.#base);
    for (const [name, value] of Object.entries(parameters)) {
      if (value !== null && value !== '') url.searchParams.set(name, String(value));
    }
    return this.#ask<T>(url, { method: 'GET' }, signal);
  }

  post<T>(path: string, body: unknown, signal?: AbortSignal): Promise<T> {
    const headers = { 'content-type': 'application/json' };
    return this.#ask<T>(new URL(path, this.#base), { method: 'POST', body: JSON.stringify(body), headers }, signal);
  }

  async #ask<T>(url: URL, init: RequestInit, signal?: AbortSignal): Promise<T> {
    const headers = new Headers(init.headers);
    if (this.#token !== null) headers.set('authorization', `Bearer ${this.#token}`);
    const timeout = AbortSignal.timeout(TIMEOUT_MS);
    let response: Response;
    let text: string;
    try {
      response = await fetch(url, {
        ...init,
        headers,
        cache: 'no-store',
        credentials: 'omit',
        redirect: 'error',
        signal: signal === undefined ? timeout : AbortSignal.any([signal, timeout]),
      });
      text = await response.text();
    } catch (cause) {
      throw new ApiError('unreachable', 'the service does not answer', { cause });
    }
    const value = parsed(text);
    if (response.ok && value !== undefined) return value as T;
    throw refusalOf(response.status, value);
  }
}

function parsed(text: string): unknown {
  try {
    return visible(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function refusalOf(status: number, value: unknown): ApiError {
  const message = messageOf(value) ?? `the service answered with ${status} and no reason`;
  // 429: too many wrong tokens came lately, so this one was not even looked at.
  if (status === 401 || status === 429) return new ApiError('locked', message);
  return new ApiError(status >= 400 && status < 500 ? 'refused' : 'failed', message);
}

function messageOf(value: unknown): string | null {
  const error = typeof value === 'object' && value !== null ? (value as { readonly error?: unknown }).error : undefined;
  const message =
    typeof error === 'object' && error !== null ? (error as { readonly message?: unknown }).message : undefined;
  return typeof message === 'string' ? message : null;
}
