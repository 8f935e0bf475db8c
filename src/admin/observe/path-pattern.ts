/**
 * A path without what varies from request to request: what the rule that decided has written, or the path with its ids
 * replaced. Queries and parameters are never in it.
 */
import type { RequestAttributes } from '../../attributes/request-attributes.ts';
import { toByteString } from '../../attributes/bytes.ts';
import { accessPathSet, istioPathSet, pathSetMatches } from '../../matcher/path.ts';
import type { PathSet } from '../../matcher/path.ts';
import type { CompiledRule } from '../../policy/compile/compiled-rule.ts';

/** Of a rule; one with more has a list in place of a pattern. */
const MAX_PATTERNS = 32;
/** Rules whose patterns are at hand. */
const MAX_RULES = 1024;
/** What says nothing of the path. */
const ANY_PATH: ReadonlySet<string> = new Set(['*', '/*', '/{*}', '/{**}']);

const MAX_SEGMENTS = 5;
const MAX_SEGMENT = 24;
const VARIABLE = '{id}';
/** Looked at of a path. */
const MAX_PATH = 512;

interface Pattern {
  readonly text: string;
  readonly set: PathSet;
}

export class PathPatterns {
  readonly #ofRules = new Map<CompiledRule, readonly Pattern[]>();

  /** `rule`: the one that decided; null: none. */
  of(request: RequestAttributes, rule: CompiledRule | null): string {
    const { path } = request;
    if (path.length > MAX_PATH) return withoutIds(path.slice(0, MAX_PATH));
    const found = rule === null ? undefined : this.#patternsOf(rule).find(({ set }) => pathSetMatches(set, path));
    return found?.text ?? withoutIds(path);
  }

  #patternsOf(rule: CompiledRule): readonly Pattern[] {
    const known = this.#ofRules.get(rule);
    if (known !== undefined) return known;
    if (this.#ofRules.size >= MAX_RULES) this.#ofRules.clear();
    const fields = (rule.to ?? []).flat().filter(({ test, negated }) => test.attribute === 'path' && !negated);
    const written = fields.flatMap(({ wanted, dialect }) => wanted.map((text) => ({ text, dialect })));
    const patterns =
      written.length > MAX_PATTERNS
        ? []
        : written
            .filter(({ text }) => !ANY_PATH.has(text))
            .map(({ text, dialect }) => ({
              text,
              set: (dialect === 'access' ? accessPathSet : istioPathSet)([toByteString(text)]),
            }));
    this.#ofRules.set(rule, patterns);
    return patterns;
  }
}

/** `/orders/17/items?x=1` → `/orders/{id}/items`. */
export function withoutIds(path: string): string {
  // What may hide a query or a parameter ends it, encoded or not.
  const end = /[?#;]|%3f|%23|%3b/i.exec(path)?.index ?? path.length;
  const segments = path.slice(0, end).split('/');
  const shown = segments.slice(0, MAX_SEGMENTS + 1).map((segment) => (isWord(segment) ? segment : VARIABLE));
  if (segments.length > shown.length) shown.push('…');
  return shown.join('/');
}

/** What people write: short words of letters, `v1`. Digits, long and mixed ones are ids, or may be secrets. */
function isWord(segment: string): boolean {
  if (segment === '' || /^v[0-9]{1,3}$/.test(segment)) return true;
  return segment.length <= MAX_SEGMENT && /^[A-Z]?[a-z]+(?:[A-Z][a-z]+){0,3}(?:[._-][a-z]+){0,3}$/.test(segment);
}
