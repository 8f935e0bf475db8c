import { positionOf } from '../parse/node.ts';
import type { ValueCheck } from './value-check.ts';

/** RFC 9110 §5.6.2 token. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Methods are compared case-sensitively; `get` never arrives, since clients send `GET`. */
export const checkMethod: ValueCheck = (value, { report, dialect }) => {
  if (dialect === 'istio') return;
  const text = value.value;
  if (!TOKEN.test(text)) {
    report.error('bad-method', positionOf(value), `\`${text}\` is not an HTTP method`, 'write e.g. `GET`');
  } else if (text !== text.toUpperCase()) {
    report.error(
      'bad-method',
      positionOf(value),
      `the method \`${text}\` never matches: methods are case-sensitive`,
      `did you mean \`${text.toUpperCase()}\`?`,
    );
  } else if (/.\*./.test(text)) {
    report.error(
      'bad-method',
      positionOf(value),
      `the method \`${text}\` can never match: a \`*\` stands only at one end`,
    );
  }
};
