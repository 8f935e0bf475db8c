/** What policies say of proofs of identity, as JSON text and back. Places in files are left out, as everywhere here. */
import type { ApiKey, Authentication, Provider } from '../../policy/identity-model.ts';
import { NOWHERE } from './model-values.ts';

/** With the lists of pairs in place of maps, and without places. */
export function identityText(authentications: readonly Authentication[]): string {
  return JSON.stringify(authentications, (name, value: unknown) => {
    if (name === 'position') return undefined;
    return value instanceof Map ? [...value] : value;
  });
}

export function identityOf(text: string): readonly Authentication[] {
  return (JSON.parse(text) as readonly Authentication[]).map((each) => ({
    ...each,
    matchLabels: mapOf(each.matchLabels),
    providers: each.providers.map(providerOf),
    position: NOWHERE,
  }));
}

function providerOf(provider: Provider): Provider {
  if (provider.type !== 'apiKey') return provider;
  const keys = provider.keys.map((key): ApiKey => ({ ...key, labels: mapOf(key.labels), position: NOWHERE }));
  return { ...provider, keys };
}

/** The maps of the model were written as lists of pairs. */
function mapOf(pairs: unknown): ReadonlyMap<string, string> {
  return new Map(pairs as readonly (readonly [string, string])[]);
}

/** Names, in lower case, of the headers that verified tokens are put into. */
export function outputHeaderNames(authentications: readonly Authentication[]): readonly string[] {
  return authentications
    .flatMap(({ providers }) => providers)
    .filter((provider) => provider.type === 'jwt')
    .flatMap(({ outputPayloadToHeader, outputClaimToHeaders }) => [
      ...(outputPayloadToHeader === null ? [] : [outputPayloadToHeader]),
      ...outputClaimToHeaders.map(({ header }) => header),
    ])
    .map((name) => name.toLowerCase());
}
