import { positionOf } from '../parse/node.ts';
import type { ValueCheck } from './value-check.ts';

const SCHEME = 'spiffe://';

/**
 * A SPIFFE ID without its scheme: exact, prefix, suffix or `*` (SPIFFE-ID standard §2: trust domains are
 * lower case, segments are letters, digits, `-`, `_` and `.`, none is empty, `.` or `..`).
 */
export const checkPrincipal: ValueCheck = (value, { report, dialect }) => {
  if (dialect === 'istio' || value.value === '*') return;
  const text = value.value;
  const never = (why: string, hint: string): void =>
    report.error('bad-principal', positionOf(value), `the principal \`${text}\` can never match: ${why}`, hint);
  if (text.startsWith(SCHEME)) {
    never('it is compared without its scheme', `write \`${text.slice(SCHEME.length)}\``);
    return;
  }
  const atStart = !text.startsWith('*');
  const atEnd = !text.endsWith('*') || !atStart;
  const literal = text.slice(atStart ? 0 : 1, atEnd ? undefined : -1);
  if (literal.includes('*')) never('a `*` stands only at one end', 'write e.g. `td/ns/shop/*` or `*/sa/web`');
  else if (!/^[A-Za-z0-9._/-]*$/.test(literal)) {
    never('it holds characters that SPIFFE IDs do not have', 'write e.g. `cluster.local/ns/shop/sa/web`');
  } else if (hasEmptyOrDotSegment(literal, atStart, atEnd)) {
    never('a segment is empty, `.` or `..`', 'write e.g. `cluster.local/ns/shop/sa/web`');
  } else if (atStart && atEnd && !literal.includes('/')) {
    never('it is a trust domain without a path', 'write e.g. `cluster.local/ns/shop/sa/web`, or use `trustDomains`');
  } else if (atStart && /[A-Z]/.test(literal.split('/', 1)[0]!)) {
    never('trust domains are lower case', `write \`${literal.replace(/^[^/]*/, (domain) => domain.toLowerCase())}\``);
  }
};

/** A piece between slashes that is empty, `.` or `..`, at the ends too. */
const EMPTY_OR_DOT = /(?:^|\/)\.{0,2}(?:\/|$)/;

function hasEmptyOrDotSegment(literal: string, atStart: boolean, atEnd: boolean): boolean {
  if (!EMPTY_OR_DOT.test(literal)) return false;
  const segments = literal.split('/');
  return segments.some((segment, i) => {
    // The first or last piece of a pattern may be a part of a segment, or nothing.
    const whole = (i > 0 || atStart) && (i < segments.length - 1 || atEnd);
    return whole && (segment === '' || segment === '.' || segment === '..');
  });
}
