import { visibleText } from '../../lib/visible-text.ts';
import type { ReadinessSource } from '../readiness.ts';
import { jsonResponse } from '../route.ts';
import type { RouteHandler } from '../route.ts';

/** Enough to start mending; `lint` lists them all. */
const MAX_PROBLEMS = 100;

export interface ReadyzOptions {
  readonly readiness: ReadinessSource;
  /** Names of files and texts from policies: for people on this machine, not for the whole network. */
  readonly withProblems: boolean;
}

/** 200 when ready, 503 when not; the body says why. Stale is ready: the last good policies decide. */
export function readyz({ readiness, withProblems }: ReadyzOptions): RouteHandler {
  return () => {
    const { ready, draining, stale, restored, revision, policies, rules, loadedAtMs, problems } = readiness();
    const detail = {
      ready,
      draining,
      stale,
      restored,
      revision,
      policies,
      rules,
      loadedAt: loadedAtMs === null ? null : new Date(loadedAtMs).toISOString(),
      errors: problems.filter(({ severity }) => severity === 'error').length,
      warnings: problems.filter(({ severity }) => severity === 'warning').length,
    };
    const shown = problems.slice(0, MAX_PROBLEMS).map(({ severity, code, message, hint, position }) => ({
      severity,
      code,
      message: visibleText(message),
      ...(hint === undefined ? {} : { hint: visibleText(hint) }),
      place: `${visibleText(position.file)}:${position.line}:${position.column}`,
    }));
    return jsonResponse(ready ? 200 : 503, withProblems ? { ...detail, problems: shown } : detail);
  };
}
