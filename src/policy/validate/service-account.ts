import { DNS_LABEL, DNS_SUBDOMAIN } from '../schema/format.ts';
import { positionOf } from '../parse/node.ts';
import type { ValueCheck } from './value-check.ts';

/** Istio's bounds (pkg/config/security/security.go, CheckServiceAccount). */
export const MAX_SERVICE_ACCOUNT_VALUES = 16;
const MAX_LENGTH = 320;

/** `sa` or `namespace/sa`. */
export const checkServiceAccount: ValueCheck = (value, { report, dialect }) => {
  const text = value.value;
  const bad = (why: string): void =>
    report.error(
      'bad-service-account',
      positionOf(value),
      `\`${text}\` is not a service account: ${why}`,
      'write `account`, or `namespace/account`',
    );
  const parts = text.split('/');
  if (text.includes('*')) bad('it holds a wildcard');
  else if (parts.length > 2) bad('it has more than one slash');
  else if (text.length > MAX_LENGTH) bad(`it is longer than ${MAX_LENGTH} characters`);
  else if (parts.includes('')) bad(parts[0] === '' ? 'its namespace is empty' : 'its name is empty');
  else if (dialect === 'access') {
    const [namespace, account] = parts.length === 2 ? [parts[0]!, parts[1]!] : [null, text];
    if (namespace !== null && !DNS_LABEL.test(namespace)) bad('its namespace is no valid name');
    else if (!DNS_SUBDOMAIN.test(account)) bad('its name is not lower-case letters, digits, `-` and `.`');
  }
};
