import type { Timestamp } from '@bufbuild/protobuf/wkt';
import { timestampFromMs } from '@bufbuild/protobuf/wkt';
import type { CelVariable } from './environment.ts';

/** A value in an activation. Objects are Maps, numbers are doubles, `bigint`s are ints. */
export type CelInputValue =
  null | boolean | number | bigint | string | Timestamp | readonly CelInputValue[] | CelInputMap;
export type CelInputMap = ReadonlyMap<string, CelInputValue>;

/** `ms`: milliseconds since the epoch, within the years 1 to 9999. */
export function celTimestamp(ms: number): Timestamp {
  return timestampFromMs(ms);
}

export interface CelActivation {
  readonly source: CelInputMap;
  readonly destination: CelInputMap;
  readonly request: CelInputMap;
  readonly claims: CelInputMap;
  readonly nowMs: number;
}

/**
 * An attribute that a program may read: `request.headers['x-a']` is `request` with the path
 * `headers`, `x-a`. A path that ends early (or a key that is computed) stands for all below it.
 */
export interface CelRead {
  readonly variable: CelVariable;
  readonly path: readonly string[];
}

export interface CelProgram {
  readonly text: string;
  readonly reads: readonly CelRead[];
  readonly readsNow: boolean;
  /** Throws {@link CelEvaluationError} on any error, and for a result that is no bool. */
  evaluate(activation: CelActivation): boolean;
}

export class CelEvaluationError extends Error {
  override readonly name = 'CelEvaluationError';
}

/** What is wrong with an expression, and at which character of it (from 0). */
export interface CelProblem {
  readonly index: number;
  readonly message: string;
  readonly hint: string;
}
