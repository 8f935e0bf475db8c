/** A subject alternative name of a certificate. */
export interface San {
  readonly kind: 'uri' | 'dns';
  readonly value: string;
}

/**
 * Does a pattern match a name? `dns:NAME` is for DNS names (any case; `dns:*.example.com` stands for exactly
 * one more label), anything else for URIs: exact, or a prefix when it ends in `*`.
 */
export function matchesSan(pattern: string, san: San): boolean {
  if (pattern.startsWith('dns:')) {
    if (san.kind !== 'dns') return false;
    const wanted = pattern.slice(4).toLowerCase();
    const name = san.value.toLowerCase();
    if (!wanted.startsWith('*.')) return name === wanted;
    const suffix = wanted.slice(1);
    const label = name.slice(0, name.length - suffix.length);
    return name.endsWith(suffix) && label !== '' && !label.includes('.');
  }
  if (san.kind !== 'uri') return false;
  return pattern.endsWith('*') ? san.value.startsWith(pattern.slice(0, -1)) : san.value === pattern;
}
