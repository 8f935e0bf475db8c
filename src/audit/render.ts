/** An entry as one line of JSON, every text bounded, decoded and made visible. record-schema.ts describes it. */
import { isSecretName } from '../lib/secret-name.ts';
import { visibleBytes } from '../lib/visible-text.ts';
import type { Claim } from '../attributes/claim.ts';
import type { ByteString, DecisionEntry, LoggedWorkload } from './entry.ts';
import { SCHEMA_VERSION } from './lines.ts';
import { REDACTED, redactHost, redactTarget } from './redact.ts';

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
/** Enough to tell what was meant; what is longer is content. */
const MAX_VALUE_BYTES = 256;
/** Lines of a header, items of a claim, names in an object. */
const MAX_ITEMS = 16;
/** Claims are recorded whole down to here. */
const MAX_CLAIM_DEPTH = 3;

/** A log line in the form of the service log (level, time, msg), ended by a line feed. `seq` is its number in `stream`. */
export function renderEntry(entry: DecisionEntry, stream: string, seq: number): string {
  const line = JSON.stringify({
    level: 'info',
    time: new Date(entry.timeMs).toISOString(),
    msg: 'decision',
    schema: SCHEMA_VERSION,
    stream,
    seq,
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
    traceId: entry.traceId,
    spanId: entry.spanId ?? undefined,
    headers: entry.headers.size === 0 ? undefined : renderHeaders(entry.headers),
    claims: entry.claims.size === 0 ? undefined : renderClaims(entry.claims),
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

function renderHeaders(headers: DecisionEntry['headers']): object {
  const shown = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, lines] of headers) {
    shown[name] = lines?.slice(0, MAX_ITEMS).map((line) => visibleBytes(line, MAX_VALUE_BYTES)) ?? [REDACTED];
  }
  return shown;
}

function renderClaims(claims: DecisionEntry['claims']): object {
  const shown = Object.create(null) as Record<string, unknown>;
  for (const [name, claim] of claims) shown[name] = renderClaim(claim, 0);
  return shown;
}

function renderClaim(claim: Claim, depth: number): unknown {
  if (typeof claim === 'string') return visibleBytes(claim, MAX_VALUE_BYTES);
  if (typeof claim !== 'object' || claim === null) return claim;
  if (depth === MAX_CLAIM_DEPTH) return '…';
  if (Array.isArray(claim)) return claim.slice(0, MAX_ITEMS).map((item: Claim) => renderClaim(item, depth + 1));
  const shown = Object.create(null) as Record<string, unknown>;
  for (const [name, item] of [...(claim as ReadonlyMap<string, Claim>)].slice(0, MAX_ITEMS)) {
    shown[visibleBytes(name, MAX_VALUE_BYTES)] = isSecretName(name) ? REDACTED : renderClaim(item, depth + 1);
  }
  return shown;
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
