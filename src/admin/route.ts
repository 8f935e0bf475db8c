/** What an endpoint is: a path, and a function from a request to a whole response. */

export interface AdminRequest {
  /** HEAD is answered as GET without its body. */
  readonly method: 'GET' | 'HEAD';
  readonly path: string;
  readonly query: URLSearchParams;
}

export interface AdminResponse {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
}

/** May throw: the client then sees 500 without a reason, and the error goes to the log. */
export type RouteHandler = (request: AdminRequest) => AdminResponse | Promise<AdminResponse>;

/** By exact path. */
export type RouteTable = ReadonlyMap<string, RouteHandler>;

export function textResponse(status: number, text: string): AdminResponse {
  return { status, contentType: 'text/plain; charset=utf-8', body: `${text}\n` };
}

export function jsonResponse(status: number, value: unknown): AdminResponse {
  return { status, contentType: 'application/json', body: `${JSON.stringify(value, null, 2)}\n` };
}
