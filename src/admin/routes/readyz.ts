import type { IdentityStatus } from '../../identity/authenticator.ts';
import { visibleText } from '../../lib/visible-text.ts';
import type { ReadinessReport, ReadinessSource } from '../readiness.ts';
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
  return async () => {
    const report = await readiness();
    return jsonResponse(report.ready ? 200 : 503, readinessDetail(report, withProblems));
  };
}

/** What the body says. */
export function readinessDetail(report: ReadinessReport, withProblems: boolean): object {
  const { ready, draining, stale, restored, revision, policies, rules, loadedAtMs } = report;
  const { identity, withoutPrincipal, problems } = report;
  const detail = {
    ready,
    draining,
    stale,
    restored,
    revision,
    policies,
    rules,
    loadedAt: timeText(loadedAtMs),
    identity: { ...identityDetail(identity, withProblems), listenersWithoutPrincipal: withoutPrincipal.length },
    errors: problems.filter(({ severity }) => severity === 'error').length,
    warnings: problems.filter(({ severity }) => severity === 'warning').length,
  };
  if (!withProblems) return detail;
  const shown = problems.slice(0, MAX_PROBLEMS).map(({ severity, code, message, hint, position }) => ({
    severity,
    code,
    message: visibleText(message),
    ...(hint === undefined ? {} : { hint: visibleText(hint) }),
    place: `${visibleText(position.file)}:${position.line}:${position.column}`,
  }));
  const listeners = withoutPrincipal.slice(0, MAX_PROBLEMS).map(({ listener, warning }) => ({
    listener: visibleText(listener),
    warning: visibleText(warning),
  }));
  return { ...detail, problems: shown, listeners };
}

/** `withErrors`: texts with addresses in them, too. */
function identityDetail({ keys, introspection, revocation }: IdentityStatus, withErrors: boolean): object {
  const error = (text: string | null): object =>
    withErrors ? { lastError: text === null ? null : visibleText(text) } : {};
  return {
    keys: keys.map(({ providers, state, lastSuccessMs, lastError }) => ({
      providers,
      state,
      lastSuccess: timeText(lastSuccessMs),
      ...error(lastError),
    })),
    introspection: introspection.map(({ client, breaker, lastError }) => ({ client, breaker, ...error(lastError) })),
    revocation: revocation && {
      state: revocation.state,
      entries: revocation.entries,
      lastSuccess: timeText(revocation.lastSuccessMs),
      ...error(revocation.lastError),
    },
  };
}

function timeText(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
