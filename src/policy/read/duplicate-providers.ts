/** What several IdentityProviders cannot say together: one token or key would be two callers. */
import { compareText } from '../../lib/compare-text.ts';
import type { ApiKey, Authentication, Provider } from '../identity-model.ts';
import type { LanguageOptions } from '../options.ts';
import type { Report } from '../report.ts';

export function checkDuplicateProviders(
  authentications: readonly Authentication[],
  options: LanguageOptions,
  report: Report,
): void {
  const own = authentications.filter(({ kind }) => kind === 'IdentityProvider');
  checkTokens(own, report);
  checkIssuers(own, options, report);
  checkKeys(own, options, report);
}

/** In one namespace: a provider of the root namespace may stand beside one that says the same for fewer workloads. */
function checkTokens(authentications: readonly Authentication[], report: Report): void {
  const seen = new Map<string, Authentication[]>();
  for (const authentication of authentications) {
    for (const provider of authentication.providers) {
      const key = JSON.stringify([authentication.namespace, ...sameTokens(provider)]);
      const others = seen.get(key) ?? [];
      const other = others.find((each) => mayMeet(each.matchLabels, authentication.matchLabels));
      if (other !== undefined) {
        report.error(
          'duplicate-provider',
          authentication.position,
          `\`${nameOf(authentication)}\` and \`${nameOf(other)}\` take the same proofs: their issuer and audiences are the same`,
          'keep one of them, or give them selectors of which a workload meets one',
        );
      }
      seen.set(key, [...others, authentication]);
    }
  }
}

/**
 * A provider of the root namespace says who an issuer is, for the whole mesh: its policies rely on it. One of another
 * namespace may add to that what its workloads take from the issuer, and not keys of its own.
 */
function checkIssuers(
  authentications: readonly Authentication[],
  { rootNamespace }: LanguageOptions,
  report: Report,
): void {
  const known = new Map<string, { readonly name: string; readonly sources: Set<string> }>();
  for (const each of authentications) {
    if (each.namespace !== rootNamespace) continue;
    for (const provider of each.providers) {
      const { sources } = known.get(provider.issuer) ?? { sources: new Set<string>() };
      known.set(provider.issuer, { name: nameOf(each), sources: sources.add(sourceOf(provider)) });
    }
  }
  for (const each of authentications) {
    if (each.namespace === rootNamespace) continue;
    for (const provider of each.providers) {
      const root = known.get(provider.issuer);
      if (root === undefined || root.sources.has(sourceOf(provider))) continue;
      report.error(
        'duplicate-provider',
        each.position,
        `\`${nameOf(each)}\` names the issuer \`${provider.issuer}\` of \`${root.name}\`, and has other keys for it`,
        'take the keys from where the provider of the root namespace takes them, or give it an issuer of its own',
      );
    }
  }
}

/** Who vouches in the end. */
function sourceOf(provider: Provider): string {
  switch (provider.type) {
    case 'jwt':
      return JSON.stringify(provider.keys);
    case 'introspection':
      return provider.endpoint;
    case 'apiKey':
      // Each has keys of its own.
      return provider.id;
  }
}

function sameTokens(provider: Provider): readonly string[] {
  if (provider.type === 'apiKey') return [provider.type, provider.issuer];
  return [provider.type, provider.issuer, ...[...provider.audiences].sort(compareText)];
}

/** No label tells the workloads of the two apart. */
function mayMeet(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return [...a].every(([key, value]) => (b.get(key) ?? value) === value);
}

interface Holder {
  readonly authentication: Authentication;
  readonly key: ApiKey;
}

function checkKeys(
  authentications: readonly Authentication[],
  { rootNamespace }: LanguageOptions,
  report: Report,
): void {
  const seen = new Map<string, Holder[]>();
  for (const authentication of authentications) {
    for (const provider of authentication.providers) {
      if (provider.type !== 'apiKey') continue;
      for (const key of provider.keys) {
        for (const hash of key.sha256) {
          const others = seen.get(hash) ?? [];
          const other = others.find((each) => mayHoldBoth(each.authentication, authentication, rootNamespace));
          if (other !== undefined) reportKey(key, other, report);
          seen.set(hash, [...others, { authentication, key }]);
        }
      }
    }
  }
}

/** Within one object the keys were compared when it was read. */
function mayHoldBoth(a: Authentication, b: Authentication, root: string): boolean {
  if (a === b) return false;
  const scopes = a.namespace === b.namespace || a.namespace === root || b.namespace === root;
  return scopes && mayMeet(a.matchLabels, b.matchLabels);
}

function reportKey(key: ApiKey, { authentication, key: other }: Holder, report: Report): void {
  report.error(
    'duplicate-api-key',
    key.position,
    `the key \`${key.id}\` has a hash of the key \`${other.id}\` of \`${nameOf(authentication)}\``,
    'one key is one caller: give each a key of its own',
  );
}

function nameOf({ namespace, name }: Authentication): string {
  return `${namespace}/${name}`;
}
