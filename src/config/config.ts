/** The validated configuration of the service, as everything else reads it. */
import type { output } from 'zod';
import type { configSchema } from './schema.ts';

type Frozen<T> =
  T extends ReadonlyMap<unknown, unknown>
    ? T
    : T extends readonly (infer Item)[]
      ? readonly Frozen<Item>[]
      : T extends object
        ? { readonly [Key in keyof T]: Frozen<T[Key]> }
        : T;

/** Complete (every default filled in) and frozen. Where it came from no longer shows. */
export type ServiceConfig = Frozen<output<typeof configSchema>>;
