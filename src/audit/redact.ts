/**
 * Where secrets hide in what may be logged: query values, path parameters, user information. All take
 * and give byte strings.
 */

/** Stands for what was taken out. */
export const REDACTED = '*';

/** More parameters than this tell nobody anything. */
const MAX_PARAMETERS = 32;

/**
 * A request target without the values of its query: `/a?token=1&b` → `/a?token=*&*`. A query that is a
 * lone word may be a secret itself, so words without `=` go too. An encoded `?` counts as one, and
 * `;name=value` in a path (`;jsessionid=…`) loses its value.
 */
export function redactTarget(target: string): string {
  const split = /[?#]|%3f|%23/i.exec(target);
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

function redactPath(path: string): string {
  const parameters = path.includes(';') ? path.replace(/(;[^;/=]*)=[^;/]*/g, `$1=${REDACTED}`) : path;
  // The absolute form of a target (RFC 9112 §3.2.2) names an authority.
  return parameters.startsWith('/') ? parameters : parameters.replace(/\/\/[^/]*@/, `//${REDACTED}@`);
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
