/**
 * x-forwarded-client-cert (Envoy: HTTP connection manager, "x-forwarded-client-cert"): elements joined by `,`, one for
 * each hop, each of `key=value` pairs joined by `;`. Keys are not case-sensitive. `\"` in a quoted value is a quote.
 *
 * What Envoy writes (`ConnectionManagerUtility::mutateXfccRequestHeader`) is not quite what it documents. `Cert`,
 * `Chain` and `Subject` are quoted; the subject is RFC 4514 text, which escapes its own quotes and backslashes and is
 * not escaped once more: `Subject="O=\"A\"\, B"`. `By`, `URI` and `DNS` are written bare, whatever is in them, so a
 * name with a `,` or `;` cannot be told from two. Where a hop writes one element alone (SANITIZE_SET, depth 0) such a
 * name gains nothing: it makes a second element, a second URI, or a URI beside the empty one that stands for none.
 * Elements that are counted from the right (APPEND_FORWARD) are as good as the authorities whose clients the hop takes.
 *
 * The JSON form that Envoy can be told to write is not read: it is malformed here, and malformed is nobody.
 */
import { hasControlByte } from '../peer-identity.ts';

export interface XfccElement {
  readonly uris: readonly string[];
  readonly dnsNames: readonly string[];
  /** RFC 4514 text, escapes and all; null when there is none. */
  readonly subject: string | null;
  /** 64 lower-case hexadecimal digits; null when there is none of that form. */
  readonly hash: string | null;
  /** URL-encoded PEM; empty: none. */
  readonly certificate: string;
}

/** More hops than this are no real chain. */
const MAX_ELEMENTS = 32;
/** As much as is read of a certificate; with more, somebody wants it to be read for long. */
const MAX_LENGTH = 256 * 1024;

/** Keys that an element has at most once. */
const ONCE: ReadonlySet<string> = new Set(['hash', 'cert', 'chain', 'subject']);

/** null: not well-formed, and then nothing of it is believed. */
export function parseXfcc(value: string): readonly XfccElement[] | null {
  if (value.length > MAX_LENGTH || hasControlByte(value)) return null;
  const elements: XfccElement[] = [];
  let pairs: [key: string, text: string][] = [];
  let at = 0;
  for (;;) {
    // Between elements a list may have blanks (RFC 9110 §5.6.1), and nowhere else.
    if (pairs.length === 0) while (value[at] === ' ') at++;
    const equals = value.indexOf('=', at);
    if (equals < 0) return null;
    const key = value.slice(at, equals).toLowerCase();
    if (!/^[a-z]+$/.test(key) || (ONCE.has(key) && pairs.some(([earlier]) => earlier === key))) return null;
    const quoted = value[equals + 1] === '"';
    const end = quoted ? closingQuote(value, equals + 2) : endOfBare(value, equals + 1);
    if (end < 0) return null;
    const raw = value.slice(equals + (quoted ? 2 : 1), end);
    const text = quoted && key !== 'subject' ? unescaped(raw) : raw;
    if (text === null) return null;
    pairs.push([key, text]);
    at = quoted ? end + 1 : end;
    const separator = value[at++];
    if (separator === ';') continue;
    if (separator !== undefined && separator !== ',') return null;
    if (elements.length === MAX_ELEMENTS) return null;
    // An empty one says that there are none.
    if (pairs.some(isEmptyUri) && pairs.some((pair) => pair[0] === 'uri' && !isEmptyUri(pair))) return null;
    elements.push(elementOf(pairs));
    if (separator === undefined) return elements;
    pairs = [];
  }
}

function isEmptyUri([key, text]: readonly [key: string, text: string]): boolean {
  return key === 'uri' && text === '';
}

function elementOf(pairs: readonly (readonly [key: string, text: string])[]): XfccElement {
  const all = (wanted: string): string[] =>
    pairs.filter(([key, text]) => key === wanted && text !== '').map(([, text]) => text);
  const one = (wanted: string): string | null => pairs.find(([key]) => key === wanted)?.[1] ?? null;
  const hash = one('hash')?.toLowerCase() ?? '';
  return {
    uris: all('uri'),
    dnsNames: all('dns'),
    subject: one('subject'),
    hash: /^[0-9a-f]{64}$/.test(hash) ? hash : null,
    certificate: one('cert') ?? '',
  };
}

/** A quote behind a backslash closes nothing. -1: there is none. */
function closingQuote(value: string, from: number): number {
  for (let at = from; at < value.length; at++) {
    if (value[at] === '"') return at;
    if (value[at] === '\\') at++;
  }
  return -1;
}

/** -1: a quote inside, where only a mistaken or forged value has one. */
function endOfBare(value: string, from: number): number {
  for (let at = from; at < value.length; at++) {
    const char = value[at];
    if (char === ',' || char === ';') return at;
    if (char === '"') return -1;
  }
  return value.length;
}

/** null: an escape that the header does not have. */
function unescaped(raw: string): string | null {
  if (!raw.includes('\\')) return raw;
  return /^(?:[^\\]|\\["\\])*$/.test(raw) ? raw.replace(/\\(["\\])/g, '$1') : null;
}
