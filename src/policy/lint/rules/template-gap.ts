import { isTemplate } from '../../../matcher/path-template.ts';
import { isGuard, named, valueLists } from '../lists.ts';
import type { LintRule } from '../rule.ts';

/**
 * Envoy's templates take no `[` and no `]` anywhere in the path (measured), so that `/admin/[x]` is no match of
 * `/admin/{**}`. Those of an AccessPolicy take any byte.
 */
export const templateGap: LintRule = {
  code: 'template-gap',
  severity: 'warning',
  *findings({ set }) {
    for (const list of valueLists(set)) {
      if (list.policy.kind !== 'AuthorizationPolicy' || list.field !== 'paths' || !isGuard(list)) continue;
      const all = new Set(list.values);
      const open = list.values.filter((value) => isTemplate(value) && !all.has(prefixOf(value)) && !all.has('*'));
      if (open.length === 0) continue;
      yield {
        position: list.position,
        message: `${named(open)} in \`${list.written}\` ${open.length === 1 ? 'matches' : 'match'} no path with \`[\` or \`]\` in it: a client gets past by one`,
        hint: `write ${named([...new Set(open.map(prefixOf))])}, or an AccessPolicy, whose templates take every character`,
      };
    }
  },
};

/** What begins as the template does. */
function prefixOf(template: string): string {
  return `${template.slice(0, template.indexOf('{'))}*`;
}
