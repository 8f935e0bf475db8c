/** The closed lists of codes: decisions, policies, and what doctor finds. */
import { FAULTS } from '../../../src/doctor/codes.ts';
import { ALL_REASONS, reasonFacts } from '../../../src/pdp/reason.ts';
import { CODES } from '../../../src/policy/codes.ts';
import { code, table } from '../markdown.ts';

export function reasons(): string {
  return table(
    ['reason', 'status', 'answered by', 'meaning'],
    ALL_REASONS.map((reason) => {
      const { status, denial, meaning } = reasonFacts(reason);
      const configured = denial === null || denial === 'internal' ? '' : code(`responses.${denial}`);
      return [code(reason), String(status), configured, meaning];
    }),
  );
}

export function policyCodes(): string {
  return table(
    ['code', 'meaning'],
    Object.entries(CODES).map(([name, meaning]) => [code(name), meaning]),
  );
}

export function doctorCodes(): string {
  return table(
    ['code', 'severity', 'what it gives to an attacker, or takes from others', 'mend'],
    Object.entries(FAULTS).map(([name, { severity, risk, mend }]) => [code(name), severity, risk, mend]),
  );
}
