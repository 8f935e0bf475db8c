import { positionOf } from '../parse/node.ts';
import type { ValueCheck } from './value-check.ts';

/** Istio: no `/`, and one `*`, at an end. */
export const checkTrustDomain: ValueCheck = (value, { report, dialect }) => {
  const text = value.value;
  const bad = (why: string, hint?: string): void =>
    report.error('bad-trust-domain', positionOf(value), `\`${text}\` is not a trust domain: ${why}`, hint);
  const stars = text.split('*').length - 1;
  if (text.includes('/')) bad('it holds a slash', 'write the trust domain alone, without `spiffe://` and path');
  else if (stars > 1) bad('it holds more than one `*`');
  else if (stars === 1 && !text.startsWith('*') && !text.endsWith('*')) bad('a `*` stands only at an end');
  else if (dialect === 'access' && !/^[a-z0-9._*-]+$/.test(text)) {
    bad('it can never match', 'a trust domain is lower-case letters, digits, `.`, `-` and `_`');
  }
};
