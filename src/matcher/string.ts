/**
 * Istio's string matching (istio.io/istio pilot/pkg/security/authz/matcher/string.go), on byte strings.
 *
 * Wildcards stand for RE2's `.`, which is no newline; a value with a newline matches literals only.
 */
export type StringMatcher =
  | { readonly kind: 'exact'; readonly text: string }
  | { readonly kind: 'prefix'; readonly text: string }
  | { readonly kind: 'suffix'; readonly text: string }
  /** Anything, the empty string too: Envoy's PresentMatch. */
  | { readonly kind: 'present' }
  /** `.+` */
  | { readonly kind: 'nonEmpty' }
  /** Literal parts with `.*` between them; the first and the last are anchored. */
  | { readonly kind: 'glob'; readonly parts: readonly string[] };

/** `*` → `whenStar`; `*x` → suffix; `x*` → prefix; else exact (`a*b` is a literal, `*a*` the suffix `a*`). */
export function stringMatcher(value: string, whenStar: 'present' | 'nonEmpty'): StringMatcher {
  if (value === '*') return { kind: whenStar };
  if (value.startsWith('*')) return { kind: 'suffix', text: value.slice(1) };
  if (value.endsWith('*')) return { kind: 'prefix', text: value.slice(0, -1) };
  return { kind: 'exact', text: value };
}

export function matchesString(matcher: StringMatcher, value: string): boolean {
  switch (matcher.kind) {
    case 'exact':
      return value === matcher.text;
    case 'prefix':
      return value.startsWith(matcher.text);
    case 'suffix':
      return value.endsWith(matcher.text);
    case 'present':
      return true;
    case 'nonEmpty':
      return value !== '' && !value.includes('\n');
    case 'glob':
      return matchesGlob(matcher.parts, value);
  }
}

function matchesGlob(parts: readonly string[], value: string): boolean {
  if (value.includes('\n')) return false;
  const first = parts[0]!;
  const last = parts[parts.length - 1]!;
  if (!value.startsWith(first)) return false;
  const end = value.length - last.length;
  let at = first.length;
  // The earliest place for each middle part leaves most room for the rest, so no other need be tried.
  for (let i = 1; i < parts.length - 1; i++) {
    const found = value.indexOf(parts[i]!, at);
    if (found < 0) return false;
    at = found + parts[i]!.length;
  }
  return at <= end && value.endsWith(last);
}
