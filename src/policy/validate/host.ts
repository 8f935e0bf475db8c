import { parseIp } from '../../attributes/address.ts';
import { normalizeHost } from '../../attributes/host.ts';
import { positionOf } from '../parse/node.ts';
import type { ValueCheck } from './value-check.ts';

/** An AccessPolicy compares the host without its port and without a last dot, in lower case. */
export const checkHost: ValueCheck = (value, { report, dialect }) => {
  if (dialect === 'istio' || value.value === '*') return;
  const text = value.value;
  const report_ = (why: string, hint: string): void =>
    report.error('bad-host', positionOf(value), `the host \`${text}\` can never match: ${why}`, hint);
  const literal = text.startsWith('*') ? text.slice(1) : text.endsWith('*') ? text.slice(0, -1) : text;
  if (literal.includes('*')) report_('a `*` stands only at one end', 'write e.g. `*.example.com`');
  else if (/^\*?[^[\]]*:[0-9*]*$/.test(text) && parseIp(text) === null) {
    report_(
      'hosts are compared without their port',
      `write \`${text.replace(/:[0-9*]*$/, '')}\`, and name the port in \`ports\``,
    );
  } else if (parseIp(text) !== null && text.includes(':'))
    report_('IPv6 hosts stand in brackets', `write \`[${text}]\``);
  else if (text.endsWith('.'))
    report_('one dot at the end is cut off before comparing', `write \`${text.replace(/\.+$/, '')}\``);
  else if (!isPossible(text, literal))
    report_('it holds characters that no host has', 'write the host name alone, without scheme, path or blanks');
};

function isPossible(text: string, literal: string): boolean {
  if (text === literal) return normalizeHost(literal) !== null;
  return /^[A-Za-z0-9._~!$&'()+=[\]:-]+$/.test(literal);
}
