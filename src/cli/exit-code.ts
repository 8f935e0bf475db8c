/** What a command ends with, the same for every command. */
export type ExitCode = 0 | 1 | 2;

export const DONE: ExitCode = 0;
/** The thing that was checked is not good. */
export const NOT_GOOD: ExitCode = 1;
/** Bad usage, or input that cannot be read. */
export const UNUSABLE: ExitCode = 2;
