/** Which requests the filter asks about at all. */
import type { Part } from '../part.ts';
import type { HttpFilter } from './http-filters.ts';

/** `before`: the filters that had their turn, which can set the metadata that this one waits for. */
export function checkAsking(filter: HttpFilter, before: readonly HttpFilter[]): void {
  const { entry, config, isBehindMatcher } = filter;
  const disabled = entry.at('disabled');
  if (disabled.flag() === true) disabled.report('filter-disabled', 'the filter is off unless a route switches it on');
  const optional = entry.at('is_optional');
  if (optional.flag() === true) optional.report('filter-optional', 'the filter may be missing');
  if (isBehindMatcher) entry.report('behind-matcher', 'a matcher chooses whether the filter has its turn');
  checkShare(config);
  const metadata = config.at('filter_enabled_metadata');
  if (metadata.isThere && !before.some(({ type, config: rules }) => isRbac(type) && alwaysMarks(rules))) {
    metadata.report('asks-by-metadata', 'the filter asks only where metadata says so');
  }
}

const DENOMINATORS = ['HUNDRED', 'TEN_THOUSAND', 'MILLION'] as const;
const PARTS: Readonly<Record<string, number>> = { HUNDRED: 100, TEN_THOUSAND: 10_000, MILLION: 1_000_000 };

/** A share of all requests (RuntimeFractionalPercent), and what happens to the rest (RuntimeFeatureFlag). */
export function checkShare(config: Part): void {
  const enabled = config.at('filter_enabled');
  if (!enabled.isThere) return;
  const share = enabled.at('default_value');
  const whole = PARTS[share.at('denominator').word(DENOMINATORS) ?? 'HUNDRED']!;
  const percent = ((share.at('numerator').number() ?? 0) * 100) / whole;
  const refusal = config.at('deny_at_disable');
  const refusesRest = refusal.at('default_value').flag() === true;
  if (percent < 100) {
    const text = `${percent} % of all requests are asked about`;
    enabled.report(refusesRest ? 'refuses-a-share' : 'asks-a-share', text);
  }
  for (const key of [enabled.at('runtime_key'), refusal.at('runtime_key')]) {
    const name = key.text() ?? '';
    if (name !== '')
      key.report('runtime-opens', `\`${name}\` of the runtime decides how many requests are asked about`);
  }
}

function isRbac(type: string): boolean {
  return type.endsWith('.http.rbac.v3.RBAC');
}

/** Istio lets the shadow rules of an RBAC filter mark the requests of CUSTOM policies: `rules: [{}]` marks them all. */
function alwaysMarks(rbac: Part): boolean {
  const policies = rbac.in('shadow_rules', 'policies').entries();
  return policies.some(([, policy]) => isAny(policy.at('permissions')) && isAny(policy.at('principals')));
}

/** One of the list is `any`, alone or in sets of nothing else. */
function isAny(list: Part): boolean {
  return list.items().some((item) => holdsAlways(item, 0));
}

/** Deeper than Istio or people write them. */
const MAX_NESTING = 16;

function holdsAlways(item: Part, depth: number): boolean {
  if (depth > MAX_NESTING) return false;
  if (item.at('any').flag() === true) return true;
  const all = firstThere(item.in('and_rules', 'rules'), item.in('and_ids', 'ids'));
  if (all !== null) return all.items().every((each) => holdsAlways(each, depth + 1));
  const some = firstThere(item.in('or_rules', 'rules'), item.in('or_ids', 'ids'));
  return some?.items().some((each) => holdsAlways(each, depth + 1)) ?? false;
}

function firstThere(...parts: readonly Part[]): Part | null {
  return parts.find(({ isThere }) => isThere) ?? null;
}
