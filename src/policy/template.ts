/**
 * `${…}` text: literals with attributes and facts of the decision in between. A literal `$` is `$$`; a `$`
 * before anything but `{` and `$` stands for itself.
 */
import { parseAttributeKey } from './attribute-key.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Code } from './codes.ts';
import type { DecisionField, TemplatePart } from './model.ts';

export const DECISION_FIELDS: readonly DecisionField[] = ['id', 'policy', 'rule', 'reason', 'revision'];

const DECISION = 'decision.';

export interface TemplateProblem {
  readonly code: Code;
  /** Index of the character in the text. */
  readonly index: number;
  readonly message: string;
  readonly hint?: string;
}

export interface ParsedTemplate {
  readonly parts: readonly TemplatePart[];
  readonly problems: readonly TemplateProblem[];
}

export function parseTemplate(text: string): ParsedTemplate {
  const parts: TemplatePart[] = [];
  const problems: TemplateProblem[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar < 0) break;
    literal += text.slice(at, dollar);
    const next = text[dollar + 1];
    if (next !== '{') {
      literal += '$';
      at = dollar + (next === '$' ? 2 : 1);
      continue;
    }
    const end = text.indexOf('}', dollar);
    if (end < 0) {
      const message = '`${` has no closing `}`';
      problems.push({ code: 'bad-template', index: dollar, message, hint: 'a literal `${` is written `$${`' });
      return { parts, problems };
    }
    if (literal !== '') parts.push({ kind: 'literal', text: literal });
    literal = '';
    const part = parsePart(text.slice(dollar + 2, end), dollar + 2, problems);
    if (part !== null) parts.push(part);
    at = end + 1;
  }
  literal += text.slice(at);
  if (literal !== '') parts.push({ kind: 'literal', text: literal });
  return { parts, problems };
}

function parsePart(name: string, index: number, problems: TemplateProblem[]): TemplatePart | null {
  if (name.startsWith(DECISION)) {
    const field = DECISION_FIELDS.find((known) => known === name.slice(DECISION.length));
    if (field !== undefined) return { kind: 'decision', field };
    const known = DECISION_FIELDS.map((fact) => DECISION + fact);
    problems.push({
      code: 'bad-template',
      index,
      message: `unknown name \`${name}\``,
      hint: didYouMean(name, known, 'of the decision there are'),
    });
    return null;
  }
  const parsed = parseAttributeKey(name);
  if ('key' in parsed) return { kind: 'attribute', key: parsed.key };
  const { code, message, hint } = parsed.problem;
  problems.push({
    code: 'bad-template',
    index,
    message,
    hint: code === 'unknown-attribute' ? `${hint}, and \`decision.…\`` : hint,
  });
  return null;
}
