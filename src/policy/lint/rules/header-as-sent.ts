import { isGuard, valueLists } from '../lists.ts';
import type { LintRule } from '../rule.ts';

const BETTER: ReadonlyMap<string, readonly [string, string]> = new Map([
  ['request.headers[:path]', ['its query and every spelling of it count', 'paths']],
  ['request.headers[:authority]', ['upper and lower case and the port count', 'hosts']],
  ['request.headers[host]', ['upper and lower case and the port count', 'hosts']],
]);

/** Path and host by `request.headers`, where they keep somebody out: another spelling slips by. AccessPolicies refuse it. */
export const headerAsSent: LintRule = {
  code: 'header-as-sent',
  severity: 'warning',
  *findings({ set }) {
    for (const list of valueLists(set)) {
      const better = BETTER.get(list.written.toLowerCase());
      // That it is there at all can be asked of any header.
      if (better === undefined || !isGuard(list) || list.values.includes('*')) continue;
      yield {
        position: list.position,
        message: `\`${list.written}\` is compared as it was sent, where ${better[0]}: a client gets past by writing it otherwise`,
        hint: `use \`${better[1]}\` in \`to\``,
      };
    }
  },
};
