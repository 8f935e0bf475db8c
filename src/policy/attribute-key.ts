/**
 * The keys of `when` and `${…}`: text → {@link AttributeKey}.
 *
 * What Istio's validation (pkg/config/security/security.go, ValidateAttribute) lets pass and its translator
 * then drops is a problem here: a dropped condition makes a DENY wider and an ALLOW vanish.
 */
import type { AttributeKey } from './model.ts';
import { didYouMean } from './did-you-mean.ts';

/** Keys without brackets. */
const PLAIN = [
  'source.ip',
  'remote.ip',
  'source.namespace',
  'source.serviceAccount',
  'source.principal',
  'source.trustDomain',
  'request.auth.principal',
  'request.auth.audiences',
  'request.auth.presenter',
  'destination.ip',
  'destination.port',
  'connection.sni',
] as const;

/** Every key, as hints name them. */
export const ATTRIBUTE_KEYS: readonly string[] = [...PLAIN, 'request.headers[…]', 'request.auth.claims[…]'];

const HEADERS = 'request.headers';
const CLAIMS = 'request.auth.claims';
const METADATA = 'experimental.envoy.filters.';
const EXPERIMENTAL = 'experimental.';

/**
 * What Istio makes of a key that is none (pilot/pkg/security/authz/model/model.go): an unknown one costs the whole
 * rule, a malformed one the condition, and an empty name in brackets gets as far as Envoy, which refuses it.
 */
export type KeyFate = 'rule-skipped' | 'condition-dropped' | 'refused-by-envoy';

export interface KeyProblem {
  readonly code: 'unknown-attribute' | 'bad-attribute-key';
  readonly message: string;
  readonly inIstio: {
    readonly fate: KeyFate;
    /** Istio's validation lets it pass. */
    readonly taken: boolean;
  };
  readonly hint: string;
}

export type ParsedKey = { readonly key: AttributeKey } | { readonly problem: KeyProblem };

export function parseAttributeKey(text: string): ParsedKey {
  const plain = PLAIN.find((name) => name === text);
  if (plain !== undefined) return { key: { text, kind: plain } };
  const bracket = text.indexOf('[');
  const before = bracket < 0 ? text : text.slice(0, bracket);
  const brackets = bracket < 0 ? '' : text.slice(bracket);
  if (before === HEADERS) return headerKey(text, brackets);
  if (before === CLAIMS) return claimKey(text, brackets);
  if (text.startsWith(METADATA)) return metadataKey(text);
  return unknown(text, before);
}

function headerKey(text: string, brackets: string): ParsedKey {
  const name = insideBrackets(brackets);
  if (name === null) return malformed(text, 'write `request.headers[name]`');
  return { key: { text, kind: 'request.headers', name: name.toLowerCase() } };
}

function claimKey(text: string, brackets: string): ParsedKey {
  const path = claimPath(brackets);
  if (path === null)
    return malformed(
      text,
      'write `request.auth.claims[name]`, or `request.auth.claims[outer][inner]` for a nested claim',
    );
  return { key: { text, kind: 'request.auth.claims', path } };
}

function metadataKey(text: string): ParsedKey {
  const rest = text.slice(EXPERIMENTAL.length);
  const bracket = rest.indexOf('[');
  if (bracket < 0 || insideBrackets(rest.slice(bracket)) === null) {
    return malformed(text, 'write `experimental.envoy.filters.NAME[key]`');
  }
  // Istio cuts at the first bracket and takes all behind it, less one `]`, as one key.
  return { key: { text, kind: 'metadata', filter: rest.slice(0, bracket), path: [rest.slice(bracket + 1, -1)] } };
}

/** `[name]` → name, which is not empty; brackets inside count as characters. null: not of this form. */
function insideBrackets(brackets: string): string | null {
  return brackets.length > 2 && brackets.startsWith('[') && brackets.endsWith(']') ? brackets.slice(1, -1) : null;
}

/**
 * `[a][b]` → [a, b]. What begins with `[`, ends with `]` and is not of this form is one name (Istio:
 * extractNameInNestedBrackets). An empty name, which makes Envoy refuse its whole configuration, is null.
 */
export function claimPath(brackets: string): readonly string[] | null {
  const whole = insideBrackets(brackets);
  if (whole === null) return null;
  const names = /^(\[[^[\]]*\])+$/.test(brackets) ? whole.split('][') : [whole];
  return names.includes('') ? null : names;
}

function malformed(text: string, hint: string): ParsedKey {
  return { problem: { code: 'bad-attribute-key', message: `malformed key \`${text}\``, inIstio: inIstio(text), hint } };
}

/** Measured: validation looks at how such a key begins, and at its outer brackets; the rest is the translator's. */
function inIstio(text: string): KeyProblem['inIstio'] {
  const bracketed = /^[^[]+\[.+\]$/s.test(text);
  if (text.startsWith(CLAIMS) && /^(\[[^[\]]*\])+$/.test(text.slice(CLAIMS.length)))
    return { fate: 'refused-by-envoy', taken: bracketed };
  if (text.startsWith(HEADERS) || text.startsWith(CLAIMS)) return { fate: 'condition-dropped', taken: bracketed };
  return { fate: text.startsWith(METADATA) ? 'condition-dropped' : 'rule-skipped', taken: false };
}

/** Keys of Istio's first policies, and of the workload, which have another place now. */
const REPLACED: Readonly<Record<string, string>> = {
  'destination.namespace': 'the policy applies to its own `metadata.namespace`',
  'destination.labels': 'use `spec.selector.matchLabels`',
  'destination.name': 'use `spec.selector.matchLabels`',
  'destination.user': 'use `spec.serviceAccounts` of an AccessPolicy',
};

function unknown(text: string, before: string): ParsedKey {
  const hint = Object.hasOwn(REPLACED, before) ? REPLACED[before]! : hintFor(text, before);
  return { problem: { code: 'unknown-attribute', message: `unknown key \`${text}\``, inIstio: inIstio(text), hint } };
}

function hintFor(text: string, before: string): string {
  const trimmed = text.trim();
  if (trimmed !== text && 'key' in parseAttributeKey(trimmed)) return `remove the blanks: \`${trimmed}\``;
  const bare = before.length < text.length ? [HEADERS, CLAIMS] : [...PLAIN, HEADERS, CLAIMS];
  const hint = didYouMean(before, bare, '');
  if (hint.startsWith('did you mean'))
    return hint.replace(/`([^`]*)`/, (_, name: string) => `\`${name}${text.slice(before.length)}\``);
  return `the keys are ${ATTRIBUTE_KEYS.map((name) => `\`${name}\``).join(', ')}`;
}
