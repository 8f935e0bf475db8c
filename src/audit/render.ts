/** An entry as one line of JSON, every text bounded, decoded and made visible. */
import { visibleBytes } from '../lib/visible-text.ts';
import type { ByteString, DecisionEntry, LoggedWorkload } from './entry.ts';
import { redactHost, redactTarget } from './redact.ts';

/** A path of a kilobyte tells what was asked for; longer ones are attacks on the log. */
const MAX_PATH_BYTES = 1024;
/** RFC 1035: a name has at most 255 octets. */
const MAX_HOST_BYTES = 255;
/** SPIFFE §2.3: an ID has at most 2048 bytes. */
const MAX_PRINCIPAL_BYTES = 2048;
/** A UUID has 36; some meshes add a prefix. */
const MAX_REQUEST_ID_BYTES = 128;
/** The longest registered method has 17 letters. */
const MAX_METHOD_BYTES = 32;
/** Kubernetes: names have at most 253 characters, label keys 317, values 63. */
const MAX_NAME_BYTES = 317;
const MAX_LABELS = 16;

/** A log line in the form of the service log (level, time, msg), ended by a line feed. */
export function renderEntry(entry: DecisionEntry): string {
  const line = JSON.stringify({
    level: 'info',
    time: new Date(entry.timeMs).toISOString(),
    msg: 'decision',
    id: entry.id,
    decision: entry.decision,
    reason: entry.reason,
    httpStatus: entry.httpStatus,
    policy: entry.policy,
    rule: entry.rule,
    revision: entry.revision,
    principal: shown(entry.principal, MAX_PRINCIPAL_BYTES),
    requestPrincipal: shown(entry.requestPrincipal, MAX_PRINCIPAL_BYTES),
    workload: entry.workload === null ? null : renderWorkload(entry.workload),
    method: visibleBytes(entry.method, MAX_METHOD_BYTES),
    host: visibleBytes(redactHost(head(entry.host, MAX_HOST_BYTES)), MAX_HOST_BYTES),
    path: visibleBytes(redactTarget(head(entry.path, MAX_PATH_BYTES)), MAX_PATH_BYTES),
    envoyRequestId: entry.envoyRequestId === '' ? null : visibleBytes(entry.envoyRequestId, MAX_REQUEST_ID_BYTES),
    durationMicros: Math.round(entry.durationMicros * 10) / 10,
    cached: entry.cached,
    shadow: entry.shadow,
  });
  return `${line}\n`;
}

/**
 * Redaction looks at bounded text only: an expression over a path of megabytes would be paid by
 * everybody. Twice the bound, so that what is then shown is still cut visibly.
 */
function head(text: ByteString, maxBytes: number): ByteString {
  return text.length > 2 * maxBytes ? text.slice(0, 2 * maxBytes) : text;
}

function shown(text: ByteString | null, maxBytes: number): string | null {
  return text === null ? null : visibleBytes(text, maxBytes);
}

function renderWorkload({ namespace, serviceAccount, labels }: LoggedWorkload): object {
  const shownLabels = Object.create(null) as Record<string, string>;
  for (const [key, value] of [...(labels ?? [])].slice(0, MAX_LABELS)) {
    shownLabels[visibleBytes(key, MAX_NAME_BYTES)] = visibleBytes(value, MAX_NAME_BYTES);
  }
  return {
    namespace: shown(namespace, MAX_NAME_BYTES),
    serviceAccount: shown(serviceAccount, MAX_NAME_BYTES),
    labels: labels === null ? null : shownLabels,
  };
}
