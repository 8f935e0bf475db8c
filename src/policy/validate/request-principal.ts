import { positionOf } from '../parse/node.ts';
import type { ValueCheck } from './value-check.ts';

/**
 * `issuer/subject`, cut at the last slash (Istio: requestPrincipalGenerator). For an AccessPolicy, patterns
 * that by this cut ask for an empty subject, or for a subject that is a star, can never match.
 */
export const checkRequestPrincipal: ValueCheck = (value, { report, dialect }) => {
  if (dialect === 'istio') return;
  const text = value.value;
  const never = (why: string, hint: string): void =>
    report.error(
      'bad-request-principal',
      positionOf(value),
      `the request principal \`${text}\` can never match: ${why}`,
      hint,
    );
  if (/^([a-z]+:\/\/)?[^/*]+$/.test(text)) {
    never('it names an issuer and no subject', `write \`${text}/subject\`, or \`${text}/*\` for all of its subjects`);
  } else if (text.endsWith('/')) never('its subject is empty', 'write `issuer/subject`, or `issuer/*`');
  else if (/^\*.*\/.*\*$/.test(text)) never('a `*` stands only at one end', 'write `*` for any token');
  else if (/^[a-z]+:\/\/[^/]*\*$/.test(text)) {
    never(
      'it is cut at its last slash, which is in `://`',
      'write the whole issuer and a slash: `https://issuer.example/*`',
    );
  }
};
