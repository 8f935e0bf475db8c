/** What the tests of the language share. */
import type { Diagnostic } from '../../src/lib/diagnostic.ts';
import { loadPolicySet } from '../../src/policy/load.ts';
import type { LoadedPolicies } from '../../src/policy/load.ts';
import type { Policy, PolicySet } from '../../src/policy/model.ts';
import type { LanguageOptions } from '../../src/policy/options.ts';

export const OPTIONS: LanguageOptions = {
  rootNamespace: 'istio-system',
  trustDomain: 'cluster.local',
  trustDomainAliases: [],
  allowEmpty: false,
  jwtMetadata: 'envoy.filters.http.jwt_authn',
  remoteIpConfigured: true,
};

export function load(text: string, options: Partial<LanguageOptions> = {}): LoadedPolicies {
  return loadPolicySet([{ path: 'policy.yaml', text }], { ...OPTIONS, ...options });
}

/** The set of a text that has no error. */
export function loaded(text: string, options: Partial<LanguageOptions> = {}): PolicySet {
  const { set, diagnostics } = load(text, options);
  if (set === null) throw new Error(`does not load:\n${diagnostics.map(line).join('\n')}`);
  return set;
}

export function onlyPolicy(text: string): Policy {
  const [policy, ...others] = loaded(text).policies;
  if (policy === undefined || others.length > 0) throw new Error('not one policy');
  return policy;
}

/** `line:column code: message [hint]`, without the file. */
export function line({ position, code, message, hint }: Diagnostic): string {
  return `${position.line}:${position.column} ${code}: ${message}${hint === undefined ? '' : ` [${hint}]`}`;
}

/** Codes of the errors, in order of place. */
export function errorCodes(text: string, options: Partial<LanguageOptions> = {}): string[] {
  return load(text, options)
    .diagnostics.filter(({ severity }) => severity === 'error')
    .map(({ code }) => code);
}

/** An AuthorizationPolicy whose spec is this YAML (flow form, or lines that begin at column 1). */
export function istio(spec: string): string {
  return object('security.istio.io/v1', 'AuthorizationPolicy', spec);
}

export function access(spec: string): string {
  return object('portcullis.dev/v1', 'AccessPolicy', spec);
}

export function object(apiVersion: string, kind: string, spec: string, name = 'p', namespace = 'shop'): string {
  return `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: {name: ${name}, namespace: ${namespace}}\nspec: ${spec}\n`;
}
