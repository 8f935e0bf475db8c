/** An entry as one line of JSON, every text bounded, decoded and made visible. record-schema.ts describes it. */
import { isSecretName } from '../lib/secret-name.ts';
import { visibleBytes } from '../lib/visible-text.ts';
import type { Claim } from '../attributes/claim.ts';
import type { ByteString, DecisionEntry, LoggedWorkload } from './entry.ts';
import { iso, SCHEMA_VERSION } from './lines.ts';
import { REDACTED, redactHeader, redactHost, redactTarget, redactTokens } from './redact.ts';

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

/**
 * No line is longer than about this, or a caller could make one that no queue has room for and no collector takes. It is the
 * headers and claims that make it long; then their names are all that is said of them.
 */
const MAX_LINE_CHARACTERS = 64 * 1024;
const LEFT_OUT = '…';

/**
 * A log line in the form of the service log (level, time, msg), ended by a line feed. `seq` is its number in `stream`.
 *
 * Written by hand, because it is most of what a record costs: an object made for JSON.stringify takes several times as long.
 */
export function renderEntry(entry: DecisionEntry, stream: string, seq: number): string {
  const line = lineOf(entry, stream, seq, true);
  return line.length <= MAX_LINE_CHARACTERS ? line : lineOf(entry, stream, seq, false);
}

function lineOf(entry: DecisionEntry, stream: string, seq: number, withContents: boolean): string {
  const { policy, rule, workload, envoyRequestId, spanId, headers, claims, shadow } = entry;
  return (
    `{"level":"info","time":"${timeText(entry.timeMs)}","msg":"decision","schema":${SCHEMA_VERSION}` +
    `,"stream":${quoted(stream)},"seq":${seq},"id":${quoted(entry.id)},"decision":"${entry.decision}"` +
    `,"reason":${quoted(entry.reason)},"httpStatus":${entry.httpStatus}` +
    `,"policy":${quoted(policy)},"rule":${ruleText(rule)},"revision":${quoted(entry.revision)}` +
    `,"principal":${shown(entry.principal, MAX_PRINCIPAL_BYTES)}` +
    `,"requestPrincipal":${shown(entry.requestPrincipal, MAX_PRINCIPAL_BYTES)}` +
    `,"workload":${workload === null ? 'null' : workloadText(workload)}` +
    `,"method":${shown(entry.method, MAX_METHOD_BYTES)}` +
    `,"host":${shown(redactHost(entry.host), MAX_HOST_BYTES)}` +
    `,"path":${shown(redactTarget(head(entry.path, MAX_PATH_BYTES)), MAX_PATH_BYTES)}` +
    `,"envoyRequestId":${envoyRequestId === '' ? 'null' : shown(envoyRequestId, MAX_REQUEST_ID_BYTES)}` +
    `,"traceId":${quoted(entry.traceId)}` +
    (spanId === null ? '' : `,"spanId":${quoted(spanId)}`) +
    (headers.size === 0 ? '' : `,"headers":${JSON.stringify(renderHeaders(headers, withContents))}`) +
    (claims.size === 0 ? '' : `,"claims":${JSON.stringify(renderClaims(claims, withContents))}`) +
    `,"durationMicros":${Math.round(entry.durationMicros * 10) / 10},"cached":${entry.cached}` +
    `,"shadow":${shadow === null ? 'null' : JSON.stringify(shadow)}}\n`
  );
}

let lastTimeMs = Number.NaN;
let lastTimeText = '';

/** Of many records in one millisecond it is the same. */
function timeText(timeMs: number): string {
  if (timeMs !== lastTimeMs) {
    lastTimeMs = timeMs;
    lastTimeText = iso(timeMs);
  }
  return lastTimeText;
}

/** Printable ASCII that stands in JSON, and in what people read, as it is: by far the most texts. */
const AS_IS = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A text of ours. */
function quoted(text: string | null): string {
  if (text === null) return 'null';
  return AS_IS.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** A text of others. */
function shown(bytes: ByteString | null, maxBytes: number): string {
  if (bytes === null) return 'null';
  return bytes.length <= maxBytes && AS_IS.test(bytes) ? `"${bytes}"` : JSON.stringify(visibleBytes(bytes, maxBytes));
}

function ruleText(rule: DecisionEntry['rule']): string {
  return typeof rule === 'number' ? String(rule) : quoted(rule);
}

function workloadText({ namespace, serviceAccount, labels }: LoggedWorkload): string {
  const names = `{"namespace":${shown(namespace, MAX_NAME_BYTES)},"serviceAccount":${shown(serviceAccount, MAX_NAME_BYTES)}`;
  if (labels === null) return `${names},"labels":null}`;
  const texts = new Map<string, string>();
  for (const [key, value] of labels) {
    if (texts.size === MAX_LABELS) break;
    texts.set(shown(key, MAX_NAME_BYTES), shown(value, MAX_NAME_BYTES));
  }
  let text = '';
  for (const [key, value] of texts) text += `${text === '' ? '' : ','}${key}:${value}`;
  return `${names},"labels":{${text}}}`;
}

/**
 * Redaction looks at bounded text only: an expression over a path of megabytes would be paid by
 * everybody. Twice the bound, so that what is then shown is still cut visibly.
 */
function head(text: ByteString, maxBytes: number): ByteString {
  return text.length > 2 * maxBytes ? text.slice(0, 2 * maxBytes) : text;
}

function renderHeaders(headers: DecisionEntry['headers'], withContents: boolean): object {
  const contents = Object.create(null) as Record<string, readonly string[]>;
  for (const [name, lines] of headers) {
    if (lines === null) contents[name] = [REDACTED];
    else contents[name] = withContents ? lines.slice(0, MAX_ITEMS).map((line) => headerLine(name, line)) : [LEFT_OUT];
  }
  return contents;
}

function headerLine(name: string, line: ByteString): string {
  return visibleBytes(redactHeader(name, head(line, MAX_VALUE_BYTES)), MAX_VALUE_BYTES);
}

function renderClaims(claims: DecisionEntry['claims'], withContents: boolean): object {
  const room = { left: withContents ? MAX_LINE_CHARACTERS : 0 };
  const contents = Object.create(null) as Record<string, unknown>;
  for (const [name, claim] of claims) contents[name] = renderClaim(claim, 0, room);
  return contents;
}

/** Once there is no room the line is too long already: whatever else there is would be made for nothing. */
function renderClaim(claim: Claim, depth: number, room: { left: number }): unknown {
  if (room.left <= 0 || depth === MAX_CLAIM_DEPTH) return LEFT_OUT;
  if (typeof claim === 'string') {
    const text = visibleBytes(redactTokens(head(claim, MAX_VALUE_BYTES)), MAX_VALUE_BYTES);
    room.left -= text.length;
    return text;
  }
  room.left -= 1;
  if (typeof claim !== 'object' || claim === null) return claim;
  if (Array.isArray(claim)) return claim.slice(0, MAX_ITEMS).map((item: Claim) => renderClaim(item, depth + 1, room));
  const contents = Object.create(null) as Record<string, unknown>;
  for (const [name, item] of [...(claim as ReadonlyMap<string, Claim>)].slice(0, MAX_ITEMS)) {
    contents[visibleBytes(name, MAX_VALUE_BYTES)] = isSecretName(name) ? REDACTED : renderClaim(item, depth + 1, room);
  }
  return contents;
}
