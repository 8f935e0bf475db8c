/** Names and values that `respond` may write. */
import type { Position } from '../../lib/diagnostic.ts';
import { positionInside } from '../parse/position-inside.ts';
import type { StringNode } from '../parse/expect.ts';
import type { Context } from './value-check.ts';

/** RFC 9110 §5.1. */
const HEADER_NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** RFC 9110 §7.6.1 and RFC 9113 §8.2.2: they belong to one connection. */
const HOP_BY_HOP = [
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
];

/** Routing, framing and the caller's identity: changing them would make Envoy and the upstream disagree with what was decided. */
const FORBIDDEN = ['host', 'content-length', 'x-forwarded-client-cert'];

const MAX_NAME_LENGTH = 128;

/** The header's name in lower case; null when it cannot be set or removed (reported). */
export function checkHeaderName(name: string, position: Position, { report }: Context): string | null {
  const lower = name.toLowerCase();
  const refuse = (code: 'forbidden-header' | 'bad-header-name', message: string, hint?: string): null => {
    report.error(code, position, message, hint);
    return null;
  };
  if (name.startsWith(':')) return refuse('forbidden-header', `the pseudo-header \`${name}\` cannot be set or removed`);
  if (HOP_BY_HOP.includes(lower)) {
    return refuse('forbidden-header', `\`${name}\` belongs to one connection and cannot be set or removed`);
  }
  if (FORBIDDEN.includes(lower) || lower.startsWith('x-envoy-')) {
    return refuse(
      'forbidden-header',
      `\`${name}\` is Envoy's own and cannot be set or removed`,
      'choose another header',
    );
  }
  if (name.length > MAX_NAME_LENGTH || !HEADER_NAME.test(name)) {
    return refuse('bad-header-name', `\`${name}\` is not a header name`, 'a name is letters, digits and `-`');
  }
  return lower;
}

/**
 * Characters of a field value (RFC 9110 §5.5) that every hop passes on alike: printable ASCII. Attributes that
 * are filled in are encoded to that.
 */
export function checkHeaderText(text: StringNode, { report }: Context): void {
  const index = text.value.search(/[^\u0020-\u007e]/);
  if (index < 0) return;
  const isControl = text.value.charCodeAt(index) < 0x80;
  report.error(
    'bad-header-value',
    positionInside(text, index),
    isControl
      ? 'a header value cannot hold line breaks or other control characters'
      : `a header value cannot hold \`${String.fromCodePoint(text.value.codePointAt(index)!)}\`: only ASCII is passed on alike by all`,
    isControl && (text.style === 'literal' || text.style === 'folded')
      ? 'write it on one line in quotes'
      : 'write it percent-encoded',
  );
}

export function checkQueryName(name: string, position: Position, { report }: Context): string | null {
  if (name !== '' && name.length <= MAX_NAME_LENGTH && !/[\u0000-\u0020\u007f&=#]/.test(name)) return name;
  report.error(
    'bad-query-name',
    position,
    `\`${name}\` is not a name of a query parameter`,
    'it has no blanks, `&`, `=` and `#`',
  );
  return null;
}
