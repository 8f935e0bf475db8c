/**
 * Why nothing came of a request to the outside. The message is short, for logs and `/readyz`: it holds no header, no
 * body and no part of a credential.
 */
export type FetchFailure =
  /** The URL is none that may be asked. */
  | 'url'
  /** The host's address is none that may be dialled. */
  | 'address'
  /** A file of the settings (authorities, token, secret) cannot be used. */
  | 'file'
  /** No connection, TLS that does not verify, or a connection that broke. */
  | 'connection'
  | 'proxy'
  | 'timeout'
  | 'aborted'
  | 'redirect'
  /** Any other status than 200. */
  | 'status'
  | 'encoding'
  /** More bytes, of the body or of the headers, than are taken. */
  | 'size'
  /** The body is not what it should be. */
  | 'document';

export class FetchError extends Error {
  readonly failure: FetchFailure;
  /** HTTP status of a `status` or `redirect`; null otherwise. */
  readonly status: number | null;

  constructor(failure: FetchFailure, message: string, status: number | null = null) {
    super(message);
    this.name = 'FetchError';
    this.failure = failure;
    this.status = status;
  }
}

/** What an error of a socket, of TLS or of a file may say: its code, never its text, which can quote what was sent. */
export function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return 'failed';
  return typeof error.code === 'string' ? error.code : 'failed';
}
