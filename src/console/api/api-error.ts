/** Why the service did not answer as asked. */
export type ApiFailure =
  /** Nobody answered, or the answer broke off. */
  | 'unreachable'
  /** It wants a token, or another one. */
  | 'locked'
  /** It did not like the question: the message says why. */
  | 'refused'
  /** It failed, or answered in a way that this page does not know. */
  | 'failed';

export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly failure: ApiFailure;

  constructor(failure: ApiFailure, message: string, options?: ErrorOptions) {
    super(message, options);
    this.failure = failure;
  }
}

export function asApiError(cause: unknown): ApiError {
  if (cause instanceof ApiError) return cause;
  return new ApiError('failed', cause instanceof Error ? cause.message : String(cause), { cause });
}
