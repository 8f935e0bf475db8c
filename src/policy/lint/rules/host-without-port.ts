import { isGuard, isLong, named, valueLists } from '../lists.ts';
import type { LintRule } from '../rule.ts';

/**
 * Istio compares `hosts` with the whole authority, its port too, and clients may write one: `Host: shop.example:443`.
 * An AccessPolicy compares without it.
 */
export const hostWithoutPort: LintRule = {
  code: 'host-without-port',
  severity: 'warning',
  *findings({ set }) {
    for (const list of valueLists(set)) {
      if (list.policy.kind !== 'AuthorizationPolicy' || list.field !== 'hosts' || isLong(list)) continue;
      const bare = list.values.filter((value) => isBare(value) && !hasPortForm(value, list.values));
      if (bare.length === 0) continue;
      const suffixes = bare.filter((value) => value.startsWith('*'));
      yield {
        position: list.position,
        message: `${named(bare)} in \`${list.written}\` ${bare.length === 1 ? 'does' : 'do'} not match the host with a port, as in \`${example(bare[0]!)}\`${isGuard(list) ? ': a client gets past by writing one' : ''}`,
        hint:
          suffixes.length < bare.length
            ? `add ${named(bare.filter((value) => !value.startsWith('*')).map((value) => `${value}:*`))}`
            : 'name the hosts, each with `:*` too: no pattern has a star at both ends. Or write an AccessPolicy, which compares without port',
      };
    }
  },
};

/** Neither ends in a port nor open at its end; the colons in `[::1]` are none of a port. */
function isBare(value: string): boolean {
  return !value.endsWith('*') && !/:\d+$/.test(value);
}

function hasPortForm(value: string, all: readonly string[]): boolean {
  return all.some((each) => {
    const open = each === '*' || (each.endsWith('*') && !each.startsWith('*') && value.startsWith(each.slice(0, -1)));
    return open || each.toLowerCase().startsWith(`${value.toLowerCase()}:`);
  });
}

function example(value: string): string {
  return `${value.replace(/^\*\.?/, 'a.')}:8080`;
}
