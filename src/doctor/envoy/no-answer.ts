/** Settings for when Portcullis does not answer, which Envoy and Istio both have. */
import type { Part } from '../part.ts';

/** Above this a request that waits for a decision is no longer a request that anybody waits for. */
const LONG_MS = 5_000;

/** Above this a hanging service uses up the connections of a mesh. */
const ENDLESS_MS = 60_000;

/** `defaultMs`: what counts when nothing is written. */
export function checkTimeout(timeout: Part, defaultMs?: number): void {
  const written = timeout.duration();
  if (written === null && defaultMs === undefined) {
    if (!timeout.isThere) timeout.report('timeout-default', 'no timeout is written: ext_authz waits 200 ms');
    return;
  }
  const ms = written ?? defaultMs ?? 0;
  const text = `${written === null ? 'no timeout is written: ' : ''}a question may wait ${ms / 1000} s`;
  // Envoy takes 0 for no bound.
  if (ms === 0) timeout.report('timeout-endless', 'a question may wait without end');
  else if (ms >= ENDLESS_MS) timeout.report('timeout-endless', text);
  else if (ms > LONG_MS) timeout.report('timeout-long', text);
}

/** Envoy writes the code as a name or a number, Istio as a text of digits. */
export function checkStatusOnError(code: Part): void {
  const written = code.text();
  if (written === null) {
    if (!code.isThere) code.report('status-on-error-default', 'without an answer the caller is told 403');
    return;
  }
  const isSuccess = /^\d+$/.test(written) ? Number(written) < 400 : SUCCESSES.has(written);
  if (isSuccess) code.report('status-on-error-success', `without an answer the caller is told \`${written}\``);
}

/** Names of envoy.type.v3.StatusCode below 400. */
const SUCCESSES: ReadonlySet<string> = new Set([
  'Empty',
  'Continue',
  'OK',
  'Created',
  'Accepted',
  'NonAuthoritativeInformation',
  'NoContent',
  'ResetContent',
  'PartialContent',
  'MultiStatus',
  'AlreadyReported',
  'IMUsed',
  'MultipleChoices',
  'MovedPermanently',
  'Found',
  'SeeOther',
  'NotModified',
  'UseProxy',
  'TemporaryRedirect',
  'PermanentRedirect',
]);
