/** How a load of policies ended, for the people who read the service log. */
import type { LoadEvent } from '../pap/policy-store.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { Logger } from '../telemetry/logger.ts';

/** Enough to see what is wrong with a set; `lint` lists everything. */
const MAX_LOGGED_PROBLEMS = 100;

export function logLoad({ outcome, snapshot, diagnostics, durationMs }: LoadEvent<PolicySnapshot>, log: Logger): void {
  for (const { severity, code, message, hint, position } of diagnostics.slice(0, MAX_LOGGED_PROBLEMS)) {
    const place = `${position.file}:${position.line}:${position.column}`;
    const fields = { place, code, problem: message, ...(hint === undefined ? {} : { hint }) };
    if (severity === 'error') log.error(fields, 'policy error');
    else if (severity === 'warning') log.warn(fields, 'policy warning');
    else log.info(fields, 'policy note');
  }
  const facts = {
    revision: snapshot?.revision ?? null,
    policies: snapshot?.policyCount ?? 0,
    rules: snapshot?.ruleCount ?? 0,
    durationMs: Math.round(durationMs),
  };
  if (outcome === 'taken') log.info(facts, 'policies taken');
  else if (outcome === 'restored')
    log.warn(facts, 'policies of an earlier run are in force: the files have not been good since the start');
  else if (snapshot === null) log.error(facts, 'policies refused: every check is denied until they are mended');
  else log.error(facts, 'policies refused: the last good ones stay in force');
}
