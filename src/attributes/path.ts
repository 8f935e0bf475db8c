/**
 * Request paths: the ambiguity gate and the normal forms.
 *
 * Envoy, proxies and applications disagree about what a path means (threat model: the path classes).
 * The gate refuses every path on which they could disagree; the forms are all the ways in which a path
 * that passed (or was let through by `ambiguousPaths: evaluate`) might be read.
 */
import { hexValue, isUtf8 } from './bytes.ts';

/** `:path` cut at its first `?`. `query` is null when there is none. */
export interface RequestTarget {
  readonly path: string;
  readonly query: string | null;
}

export function splitTarget(target: string): RequestTarget {
  const mark = target.indexOf('?');
  return mark < 0 ? { path: target, query: null } : { path: target.slice(0, mark), query: target.slice(mark + 1) };
}

export type PathProblem =
  | 'no leading slash'
  | 'a byte outside 0x21 to 0x7e'
  | 'a fragment'
  | 'a bad percent escape'
  | 'an escaped control byte'
  | 'an escaped slash or a backslash'
  | 'a double escape'
  | 'an escape that is no UTF-8'
  | 'a dot segment'
  | 'an empty segment';

/** Why a target may be read in two ways, or null when every reader agrees. Takes `:path` with its query. */
export function findAmbiguity(target: string): PathProblem | null {
  const end = target.indexOf('?');
  const pathEnd = end < 0 ? target.length : end;
  let special = false;
  for (let i = 0; i < target.length; i++) {
    const c = target.charCodeAt(i);
    if (c < 0x21 || c > 0x7e) return 'a byte outside 0x21 to 0x7e';
    if (c === 0x23) return 'a fragment';
    if (i < pathEnd) {
      if (c === 0x5c) return 'an escaped slash or a backslash';
      // `%`, or a slash, a dot or a semicolon after a slash: the rest decides.
      if (c === 0x25) special = true;
      else if ((c === 0x2f || c === 0x2e || c === 0x3b) && i > 0 && target.charCodeAt(i - 1) === 0x2f) special = true;
    }
  }
  if (target.charCodeAt(0) !== 0x2f) return 'no leading slash';
  return special ? findPathAmbiguity(target.slice(0, pathEnd)) : null;
}

function findPathAmbiguity(path: string): PathProblem | null {
  const decoded = decodeOnce(path);
  if (decoded === null) return 'a bad percent escape';
  for (let i = 0; i < decoded.length; i++) {
    const c = decoded.charCodeAt(i);
    if (c < 0x20 || c === 0x7f) return 'an escaped control byte';
    if (c === 0x5c) return 'an escaped slash or a backslash';
    if (c === 0x25 && hexValue(decoded.charCodeAt(i + 1)) >= 0 && hexValue(decoded.charCodeAt(i + 2)) >= 0)
      return 'a double escape';
  }
  if (count(decoded, '/') !== count(path, '/')) return 'an escaped slash or a backslash';
  if (!isUtf8(decoded)) return 'an escape that is no UTF-8';
  const segments = decoded.split('/');
  for (let i = 1; i < segments.length; i++) {
    const segment = segments[i]!;
    // Parameters may be dropped, and an escaped `?` or `#` may be taken for a real one: what is left counts.
    if (/^\.\.?(?:[;?#]|$)/.test(segment)) return 'a dot segment';
    if ((segment === '' || segment.startsWith(';')) && i < segments.length - 1) return 'an empty segment';
  }
  return null;
}

function count(text: string, char: string): number {
  let n = 0;
  for (let i = text.indexOf(char); i >= 0; i = text.indexOf(char, i + 1)) n++;
  return n;
}

/** Every `%XX` replaced by its byte, once; null when a `%` has no two hex digits behind it. */
export function decodeOnce(path: string): string | null {
  let at = path.indexOf('%');
  if (at < 0) return path;
  let out = '';
  let from = 0;
  while (at >= 0) {
    const high = hexValue(path.charCodeAt(at + 1));
    const low = hexValue(path.charCodeAt(at + 2));
    if (high < 0 || low < 0) return null;
    out += path.slice(from, at) + String.fromCharCode((high << 4) | low);
    from = at + 3;
    at = path.indexOf('%', from);
  }
  return out + path.slice(from);
}

/** Every byte that is no pchar or `/` percent-encoded, `%` too: the inverse of {@link decodeOnce}. */
export function encodePath(decoded: string): string {
  let out = '';
  for (let i = 0; i < decoded.length; i++) {
    const c = decoded.charCodeAt(i);
    if (c === 0x2f || isPchar(c)) out += decoded[i]!;
    else out += '%' + (c < 16 ? '0' : '') + c.toString(16).toUpperCase();
  }
  return out;
}

function isPchar(c: number): boolean {
  return (
    (c >= 0x61 && c <= 0x7a) ||
    (c >= 0x40 && c <= 0x5a) ||
    (c >= 0x24 && c <= 0x3b && c !== 0x2f && c !== 0x25) ||
    c === 0x21 ||
    c === 0x3d ||
    c === 0x5f ||
    c === 0x7e
  );
}

/** More readings than this and nobody knows what the path means: it is refused. */
export const MAX_PATH_FORMS = 24;

/**
 * All readings of a path (without query): the raw one first, then what comes of decoding, dropping
 * `;params`, cutting at a decoded `?` or `#`, turning `\` into `/`, merging slashes and resolving dot
 * segments, in any order and as often as it changes something. Null past {@link MAX_PATH_FORMS}.
 *
 * Closed: the forms of a form are among the forms.
 */
export function pathForms(path: string): readonly string[] | null {
  if (isPlain(path)) return [path];
  const forms = [path];
  for (let i = 0; i < forms.length; i++) {
    const form = forms[i]!;
    for (const step of READINGS) {
      const next = step(form);
      if (next === form || forms.includes(next)) continue;
      if (forms.length === MAX_PATH_FORMS) return null;
      forms.push(next);
    }
  }
  return forms;
}

/** Nothing in it that any step would change. */
function isPlain(path: string): boolean {
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c === 0x25 || c === 0x3b || c === 0x5c || c === 0x23 || c === 0x3f) return false;
    if (c === 0x2e && (i === 0 || path.charCodeAt(i - 1) === 0x2f)) return false;
    if (c === 0x2f && i > 0 && path.charCodeAt(i - 1) === 0x2f) return false;
  }
  return true;
}

const READINGS: readonly ((path: string) => string)[] = [
  decodeLeniently,
  dropParameters,
  cutAtMark,
  (path) => path.replaceAll('\\', '/'),
  (path) => path.replace(/\/{2,}/g, '/'),
  resolveDots,
];

/** Like {@link decodeOnce}, but a bad escape stays as it is: what a lenient application does. */
export function decodeLeniently(path: string): string {
  if (!path.includes('%')) return path;
  return path.replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function dropParameters(path: string): string {
  return path.includes(';') ? path.replace(/;[^/]*/g, '') : path;
}

function cutAtMark(path: string): string {
  const at = path.search(/[?#]/);
  return at < 0 ? path : path.slice(0, at);
}

/** RFC 3986 §5.2.4, on whole segments; never climbs above the root. */
function resolveDots(path: string): string {
  if (!/(^|\/)\.\.?(\/|$)/.test(path)) return path;
  const segments = path.split('/');
  const out: string[] = [];
  for (let i = 0; i < segments.length; i++) {
    const segment = segments[i]!;
    const last = i === segments.length - 1;
    if (segment === '.') {
      if (last) out.push('');
    } else if (segment === '..') {
      if (out.length > 1) out.pop();
      if (last) out.push('');
    } else out.push(segment);
  }
  const resolved = out.join('/');
  return resolved === '' ? '/' : resolved;
}
