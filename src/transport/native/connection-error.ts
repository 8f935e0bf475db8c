import type { ErrorCode } from './frame.ts';

/** What ends a whole connection (RFC 9113 §5.4.1). The message is for the log; the peer gets the code. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
