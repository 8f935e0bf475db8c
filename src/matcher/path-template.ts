/**
 * Istio's path templates (pilot/pkg/security/authz/matcher/template.go): `{*}` is one segment, `{**}` is
 * any number of characters, slashes too, none included. Full match.
 */
export interface PathTemplate {
  readonly steps: readonly TemplateStep[];
  /**
   * `envoy`: operators take Envoy's uri_template characters only, so that `[`, `]` and bytes past ASCII
   * match no template. `any`: any byte (and for `{*}` any but the slash).
   */
  readonly alphabet: 'envoy' | 'any';
}

type TemplateStep =
  { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'segment' } | { readonly kind: 'rest' };

export function isTemplate(value: string): boolean {
  return value.includes('{*}') || value.includes('{**}');
}

export function pathTemplate(value: string, alphabet: PathTemplate['alphabet']): PathTemplate {
  const steps: TemplateStep[] = [];
  for (const piece of value.split(/(\{\*\*?\})/)) {
    if (piece === '{*}') steps.push({ kind: 'segment' });
    else if (piece === '{**}') steps.push({ kind: 'rest' });
    else if (piece !== '') steps.push({ kind: 'literal', text: piece });
  }
  return { steps, alphabet };
}

/** The literal with which every matching path begins. */
export function literalPrefix(template: PathTemplate): string {
  const [first] = template.steps;
  return first?.kind === 'literal' ? first.text : '';
}

export function matchesTemplate(template: PathTemplate, path: string): boolean {
  // Envoy's template is one regular expression without `[` and `]` in any class, so such a path never matches.
  if (template.alphabet === 'envoy' && !isEnvoyTemplatePath(path)) return false;
  return matchesFrom(template.steps, 0, path, 0);
}

/**
 * Only `{**}` can end in more than one place, and validation lets nothing but literals stand behind it:
 * so that one suffix comparison decides. Several `{**}` (refused by validation) would still be right here.
 */
function matchesFrom(steps: readonly TemplateStep[], step: number, path: string, at: number): boolean {
  for (; step < steps.length; step++) {
    const current = steps[step]!;
    if (current.kind === 'literal') {
      if (!path.startsWith(current.text, at)) return false;
      at += current.text.length;
    } else if (current.kind === 'segment') {
      const slash = path.indexOf('/', at);
      const end = slash < 0 ? path.length : slash;
      if (end === at) return false;
      at = end;
    } else {
      const next = steps[step + 1];
      if (next === undefined) return true;
      if (next.kind === 'literal' && step + 2 === steps.length)
        return path.length - next.text.length >= at && path.endsWith(next.text);
      for (let i = at; i <= path.length; i++) if (matchesFrom(steps, step + 1, path, i)) return true;
      return false;
    }
  }
  return at === path.length;
}

const ENVOY_TEMPLATE_BYTES = tableOf(
  "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()+,;:@=*/",
);

function tableOf(characters: string): Uint8Array {
  const table = new Uint8Array(256);
  for (const character of characters) table[character.charCodeAt(0)] = 1;
  return table;
}

/** Only bytes that Envoy's operators take. */
export function isEnvoyTemplatePath(path: string): boolean {
  for (let i = 0; i < path.length; i++) if (ENVOY_TEMPLATE_BYTES[path.charCodeAt(i)] !== 1) return false;
  return true;
}
