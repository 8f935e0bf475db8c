/** Problems with paths, as diagnostics: there is no line in a path, so the place is the start of it. */
import type { Diagnostic } from '../../lib/diagnostic.ts';

export type PathProblem =
  | 'missing-path'
  | 'unreadable-path'
  | 'not-a-file'
  | 'empty-file'
  | 'not-utf-8'
  | 'too-many-files'
  | 'too-much-text'
  | 'too-deep'
  | 'changing-files';

export function pathProblem(code: PathProblem, path: string, message: string, hint: string): Diagnostic {
  return { severity: 'error', code, message, hint, position: { file: path, line: 1, column: 1 } };
}

/** Why a call of the file system failed, for the path that it was about. */
export function unreadable(path: string, cause: unknown): Diagnostic {
  if (isGone(cause)) {
    return pathProblem('missing-path', path, `\`${path}\` does not exist`, 'create it, or correct the path');
  }
  const code = errorCode(cause);
  const why =
    code === 'EACCES' || code === 'EPERM'
      ? 'permission denied'
      : code === 'ELOOP'
        ? 'its symbolic links go in a circle'
        : (code ?? String(cause));
  return pathProblem('unreadable-path', path, `\`${path}\` cannot be read: ${why}`, 'let this process read it');
}

/** True when the path, or something on the way to it, is not there. */
export function isGone(cause: unknown): boolean {
  const code = errorCode(cause);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

function errorCode(cause: unknown): string | undefined {
  const hasCode = typeof cause === 'object' && cause !== null && 'code' in cause;
  return hasCode && typeof cause.code === 'string' ? cause.code : undefined;
}
