import { isGuard, valueLists } from '../lists.ts';
import type { LintRule } from '../rule.ts';

/** `/admin*` where it opens a door opens that of `/administrator` too. In a DENY the wider meaning does no harm. */
export const prefixMatchesSiblings: LintRule = {
  code: 'prefix-matches-siblings',
  severity: 'warning',
  *findings({ set }) {
    for (const list of valueLists(set)) {
      if (list.field !== 'paths' || isGuard(list)) continue;
      for (const value of list.values) {
        // A part of a name, not a slash or a mark behind which something else begins.
        if (!/^\/.*[A-Za-z0-9]\*$/.test(value)) continue;
        const base = value.slice(0, -1);
        const effect = list.negated ? 'are left out of this DENY' : 'are allowed';
        yield {
          position: list.position,
          message: `\`${value}\` in \`${list.written}\` matches \`${base}-other\` and \`${base}2/x\` too: all paths that begin so ${effect}`,
          hint: `write \`${base}\` and \`${base}/*\` for the path and what is below it`,
        };
      }
    }
  },
};
