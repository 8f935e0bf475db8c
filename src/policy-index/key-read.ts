import type { Read } from '../policy/compile/read-set.ts';

/** One part of cache keys. */
export interface KeyRead {
  readonly read: Read;
  /** The value itself counts, not only which patterns it matches. */
  readonly exact: boolean;
}
