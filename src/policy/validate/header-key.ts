import { positionOf } from '../parse/node.ts';
import type { StringNode } from '../parse/expect.ts';
import type { AttributeKey } from '../model.ts';
import { reportNoClientIp } from './ip-block.ts';
import type { Context } from './value-check.ts';

/** A field name (RFC 9110 §5.1), or one of HTTP/2's pseudo-headers. */
const HEADER_NAME = /^(:(authority|method|path|scheme)|[!#$%&'*+.^_`|~0-9a-z-]+)$/;

/** `request.headers[…]` of an AccessPolicy must be a name that a request can have. Istio lets any pass. */
export function checkHeaderKey(key: AttributeKey, text: StringNode, context: Context): void {
  const { report, dialect } = context;
  if (dialect === 'istio') return;
  if (key.kind === 'request.headers' && !HEADER_NAME.test(key.name)) {
    report.error(
      'bad-header-name',
      positionOf(text),
      `no request has a header \`${key.name}\``,
      'a header name is letters, digits and `-`',
    );
  }
  if (key.kind === 'remote.ip' && !context.options.remoteIpConfigured) reportNoClientIp(positionOf(text), context);
}

/** These compare the text as sent, so that `/%61dmin` or `SHOP.example:443` would slip by; the fields do not. */
const FIELDS_FOR: ReadonlyMap<string, string> = new Map([
  [':path', 'paths'],
  [':authority', 'hosts'],
  ['host', 'hosts'],
]);

/** In a condition of an AccessPolicy: path and host have fields of their own, which read them safely. */
export function checkConditionKey(key: AttributeKey, text: StringNode, context: Context): void {
  checkHeaderKey(key, text, context);
  const field = key.kind === 'request.headers' ? FIELDS_FOR.get(key.name) : undefined;
  if (field === undefined || context.dialect === 'istio') return;
  context.report.error(
    'bad-header-name',
    positionOf(text),
    `\`${key.text}\` compares the text as sent, and other spellings of it would not match`,
    `use \`${field}\` in \`to\``,
  );
}
