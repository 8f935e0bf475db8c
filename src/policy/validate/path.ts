import { isTemplate } from '../../matcher/path-template.ts';
import { positionOf } from '../parse/node.ts';
import type { StringNode } from '../parse/expect.ts';
import type { Context, ValueCheck } from './value-check.ts';

/** Envoy's uri_template takes five operators and refuses its whole configuration for a sixth. */
const MAX_OPERATORS = 5;

/** RFC 3986 pchar, as Istio writes it (pkg/config/security/security.go, validLiteral). */
const PCHARS = /^[a-zA-Z0-9._~%!$&'()+,;:@=-]+$/;

/** Istio: security.CheckValidPathTemplate; for an AccessPolicy also what no path can ever be. */
export const checkPath: ValueCheck = (value, context) => {
  const problem = templateProblem(value.value);
  if (problem !== null) {
    context.report.error(
      'bad-path-template',
      positionOf(value),
      `\`${value.value}\` is not a valid path: ${problem}`,
      '`{*}` is one whole segment, `{**}` is the rest and the last operator; other braces are not allowed',
    );
  } else if (context.dialect === 'access') checkPossiblePath(value, context);
};

function templateProblem(path: string): string | null {
  const template = isTemplate(path);
  let operators = 0;
  let anyFound = false;
  for (const segment of trimSlashes(path).split('/')) {
    const operator = segment === '{*}' || segment === '{**}';
    if (operator) {
      if (anyFound) return '`{**}` is not the last operator';
      anyFound = segment === '{**}';
      operators++;
    } else if (/[{}]/.test(segment)) return `\`${segment}\` holds a brace and is neither \`{*}\` nor \`{**}\``;
    else if (template && !PCHARS.test(segment)) {
      return segment === ''
        ? 'a template has no empty segments'
        : `the segment \`${segment}\` of a template holds a character that paths do not have, or a wildcard`;
    }
  }
  if (operators > MAX_OPERATORS) {
    return `it has more than ${MAX_OPERATORS} operators, for which Envoy refuses the whole configuration of the workload`;
  }
  return null;
}

function trimSlashes(path: string): string {
  let start = 0;
  let end = path.length;
  while (start < end && path[start] === '/') start++;
  while (end > start && path[end - 1] === '/') end--;
  return path.slice(start, end);
}

/** A path begins with `/`, and has no query, fragment, control character, `//` or dot segment: the gate stops those. */
function checkPossiblePath(value: StringNode, { report }: Context): void {
  const text = value.value;
  const literal = text.startsWith('*')
    ? text.slice(1)
    : text.endsWith('*') && !isTemplate(text)
      ? text.slice(0, -1)
      : text;
  const never = (why: string, hint: string): void =>
    report.error('bad-path', positionOf(value), `the path \`${text}\` can never match: ${why}`, hint);
  if (!text.startsWith('/') && !text.startsWith('*'))
    never('it does not begin with `/`', 'write the whole path, or `*suffix`');
  else if (/[?#]/.test(literal))
    never('paths are matched without query and fragment', 'cut it off; `request.query` is there for CEL conditions');
  else if (!isTemplate(text) && literal.includes('*')) {
    never('a `*` stands only at one end', 'for a segment in the middle use the template `{*}`');
  } else if (/[\u0000-\u001f\u007f\\]/.test(literal)) {
    never('requests with a control character or a backslash in the path are answered 400', 'take it out');
  } else if (/%(2f|5c|25[0-9a-f]{2}|0|1|7f)/i.test(literal)) {
    never('requests with such an escape in the path are answered 400', 'write another path');
  } else if (literal.includes('//')) never('requests with `//` in the path are answered 400', 'write one slash');
  else if (/(^|\/)\.{1,2}(;[^/]*)?(\/|$)/.test(text.startsWith('*') ? `x${literal}` : literal)) {
    never('requests with a dot segment in the path are answered 400', 'write the path that it resolves to');
  } else if (literal.includes(';')) {
    never('one reading of a path is without its `;parameters`', 'write it without them');
  } else if (/%(?![0-9A-Fa-f]{2})/.test(literal))
    never('a `%` is not followed by two hexadecimal digits', 'write `%25` for a percent sign');
}
