/** What is known at once is told at once: most checks meet nothing that has to be waited for. */
export type MaybePromise<T> = T | Promise<T>;

export function andThen<T, U>(value: MaybePromise<T>, next: (value: T) => MaybePromise<U>): MaybePromise<U> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Synchronous when all of them are. */
export function all<T>(values: readonly MaybePromise<T>[]): MaybePromise<readonly T[]> {
  return values.some((each) => each instanceof Promise) ? Promise.all(values) : (values as readonly T[]);
}
