/** What an endpoint is: a path, and functions from a request to a whole response. */

export interface AdminRequest {
  /** HEAD is answered as GET without its body. */
  readonly method: 'GET' | 'HEAD' | 'POST';
  readonly path: string;
  /** What stands in the place of `{…}` or `*` in the path of the route, decoded; empty when there is none. */
  readonly parameter: string;
  readonly query: URLSearchParams;
  /** Which forms of an answer the client takes, as it has written it; empty: it does not say. */
  readonly accept: string;
  /** Of a POST; parseJson of body.ts reads it. */
  readonly body: Uint8Array;
}

export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
  /** Further ones, and in place of those that every answer has; names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** May throw: an {@link HttpError} is its answer; of any other the client sees 500, and the error goes to the log. */
export type RouteHandler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

export interface Route {
  readonly get?: RouteHandler;
  readonly post?: { readonly handler: RouteHandler; readonly maxBodyBytes: number };
  /** Answered without a token, where one is wanted. */
  readonly open?: boolean;
  /** Errors are JSON, and no page of another site may ask. */
  readonly api?: boolean;
}

/** By path: exact (`/livez`), with one last segment of any text (`/things/{id}`), or all below one (`/files/*`). */
export type RouteTable = ReadonlyMap<string, Route>;

/** An answer other than the one that was asked for. */
export class HttpError extends Error {
  readonly status: number;
  /** Stable, for programs. */
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.name = 'HttpError';
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function textResponse(status: number, text: string): AdminResponse {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}

export function jsonResponse(status: number, value: unknown): AdminResponse {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` };
}

/** What an error looks like where answers are JSON. */
export function errorResponse({ status, code, message, headers }: HttpError): AdminResponse {
  return { ...jsonResponse(status, { error: { code, message } }), headers };
}

export interface FoundRoute {
  readonly route: Route;
  readonly parameter: string;
}

/** null: there is none, or the parameter is no text. */
export function findRoute(routes: RouteTable, path: string): FoundRoute | null {
  const exact = routes.get(path);
  if (exact !== undefined && !path.includes('{') && !path.endsWith('*')) return { route: exact, parameter: '' };
  const slash = path.lastIndexOf('/');
  for (const [pattern, route] of routes) {
    const brace = pattern.indexOf('{');
    if (brace > 0 && slash === brace - 1 && path.startsWith(pattern.slice(0, brace)))
      return withParameter(route, path.slice(brace));
    if (pattern.endsWith('/*') && path.startsWith(pattern.slice(0, -1)))
      return withParameter(route, path.slice(pattern.length - 1));
  }
  return null;
}

function withParameter(route: Route, encoded: string): FoundRoute | null {
  try {
    const parameter = decodeURIComponent(encoded);
    return parameter === '' ? null : { route, parameter };
  } catch {
    return null;
  }
}
