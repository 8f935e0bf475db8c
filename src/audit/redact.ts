/**
 * Where secrets hide in what may be logged: query values, path parameters, user information. All take
 * and give byte strings.
 */

/** Stands for what was taken out. */
export const REDACTED = '*';

/** More parameters than this tell nobody anything. */
const MAX_PARAMETERS = 32;

/** Nothing that is looked for below can be in such a one. */
const PLAIN = /^[\w/-]*$/;
/** Where a query or a fragment begins, percent-encoded any number of times as well. */
const QUERY = /[?#]|%(?:25)*(?:3f|23)/i;
/** `;name=value` in a path, and its encoded forms. */
const PATH_PARAMETER = /((?:;|%(?:25)*3b)(?:(?!%(?:25)*3[bd])[^;/=])*(?:=|%(?:25)*3d))[^;/]+/gi;
/** User information, in a target that names an authority (RFC 9112 §3.2.2 and §3.2.3). */
const USER = /(^|\/\/)[^/]*@/g;
/** A signed token (RFC 7519): the first two parts are JSON objects in base64url. */
const TOKEN = /eyJ[\w-]{4,}\.eyJ[\w-]*(?:\.[\w-]*)*/g;

/**
 * A request target without the values of its query: `/a?token=1&b` → `/a?token=*&*`. A query that is a
 * lone word may be a secret itself, so words without `=` go too. `;name=value` in a path (`;jsessionid=…`) loses its value.
 */
export function redactTarget(target: string): string {
  if (PLAIN.test(target)) return target;
  const split = QUERY.exec(target);
  if (split === null) return redactPath(target);
  const path = redactPath(target.slice(0, split.index));
  const rest = target.slice(split.index + split[0].length);
  return `${path}${split[0]}${redactQuery(rest)}`;
}

/** A host as the client wrote it, without user information (`user:password@`), which none should have. */
export function redactHost(host: string): string {
  const at = host.lastIndexOf('@');
  return at === -1 ? host : `${REDACTED}${host.slice(at)}`;
}

/** Any other text. Tokens are secrets wherever somebody puts them. */
export function redactTokens(text: string): string {
  return text.includes('eyJ') ? text.replace(TOKEN, REDACTED) : text;
}

/** Headers that repeat the target of a request, whoever has written them. */
const ADDRESS_NAME = /^(?:referer|:path|x-envoy-original-path|x-(?:original|rewrite|forwarded)-(?:url|uri|path))$/;

/** One line of a header. */
export function redactHeader(name: string, line: string): string {
  if (name === ':authority' || name === 'host') return redactHost(line);
  const isAddress = ADDRESS_NAME.test(name) || line.includes('://');
  return isAddress ? redactTarget(line) : redactTokens(line);
}

function redactPath(path: string): string {
  let shown = path.includes(';') || path.includes('%') ? path.replace(PATH_PARAMETER, `$1${REDACTED}`) : path;
  if (shown.includes('@')) shown = shown.replace(USER, `$1${REDACTED}@`);
  return redactTokens(shown);
}

function redactQuery(query: string): string {
  if (query === '') return '';
  const parameters = query.split(/[&;#?]/);
  const shown = parameters.slice(0, MAX_PARAMETERS).map((parameter) => {
    const equals = parameter.indexOf('=');
    return equals === -1 ? (parameter === '' ? '' : REDACTED) : `${parameter.slice(0, equals)}=${REDACTED}`;
  });
  if (parameters.length > MAX_PARAMETERS) shown.push(REDACTED);
  return shown.join('&');
}
