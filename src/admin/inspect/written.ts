/** What a rule's fields were written as, for people: the values of a field that may hold a secret are not told. */
import { REDACTED } from '../../audit/redact.ts';
import { isSecretName } from '../../lib/secret-name.ts';
import type { Predicate } from '../../policy/compile/predicate.ts';

export interface WrittenField {
  /** `principals`, or the key of a `when` entry. */
  readonly name: string;
  readonly negated: boolean;
  readonly values: readonly string[];
}

/** `from[0].source.notPrincipals`; `when[1][request.headers[x-a]].values`. */
export function writtenField({ field, negated, wanted }: Predicate): WrittenField {
  const key = whenKey(field);
  if (key !== null) return { name: key, negated, values: isSecretKey(key) ? [REDACTED] : wanted };
  const last = field.slice(field.lastIndexOf('.') + 1);
  const name = negated ? last.charAt(3).toLowerCase() + last.slice(4) : last;
  return { name, negated, values: wanted };
}

/** null: it is no `when` entry. */
export function whenKey(field: string): string | null {
  return /^when\[[0-9]+\]\[(.*)\]\.(?:values|notValues)$/s.exec(field)?.[1] ?? null;
}

/** Does it name what holds a secret: `request.headers[authorization]`, `request.auth.claims[a][b]`, metadata. */
export function isSecretKey(key: string, alsoHeaders: ReadonlySet<string> = new Set()): boolean {
  const names = [...key.matchAll(/\[([^\]]*)\]/g)].map(([, name]) => name!);
  if (key.startsWith('request.headers[') && alsoHeaders.has(names[0] ?? '')) return true;
  return names.some(isSecretName);
}

export function fieldText({ name, negated, values }: WrittenField, maxValues: number): string {
  const more = values.length > maxValues ? ` and ${values.length - maxValues} more` : '';
  return `${negated ? 'not ' : ''}${name}: ${values.slice(0, maxValues).join(', ')}${more}`;
}
