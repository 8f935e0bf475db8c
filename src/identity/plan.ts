/** What the objects that apply to a workload come to, worked out once for each list of them. */
import type { Authentication, JwtProvider, ProofLocations, Provider } from '../policy/identity-model.ts';
import { inIstioOrder } from './combine-istio.ts';
import { jwtLocations } from './jwt/locations.ts';

/** What of a request an outcome depends on, besides the providers themselves. */
export interface ProofPlaces {
  /** Header names in lower case, `cookie` among them when a cookie is looked at. */
  readonly headers: readonly string[];
  readonly query: boolean;
  /** The method: a CORS preflight carries no token for Istio. */
  readonly method: boolean;
  /** The certificate of the client. */
  readonly certificate: boolean;
  /** A proof of possession is good for one request: the outcome is never that of another one. */
  readonly once: boolean;
}

export interface Plan {
  readonly istio: readonly JwtProvider[];
  readonly strict: readonly Provider[];
  readonly places: ProofPlaces;
}

/** The lists are those of a snapshot, which stay the same objects. */
const plans = new WeakMap<readonly Authentication[], Plan>();

export function planOf(groups: readonly Authentication[]): Plan {
  let plan = plans.get(groups);
  if (plan === undefined) plans.set(groups, (plan = makePlan(groups)));
  return plan;
}

function makePlan(groups: readonly Authentication[]): Plan {
  const providers = (kind: Authentication['kind']): Provider[] =>
    groups.filter((group) => group.kind === kind).flatMap((group) => group.providers);
  const istio = inIstioOrder(providers('RequestAuthentication').filter((each) => each.type === 'jwt'));
  const strict = providers('IdentityProvider');
  return { istio, strict, places: placesOf(istio, strict) };
}

function placesOf(istio: readonly JwtProvider[], strict: readonly Provider[]): ProofPlaces {
  const all: readonly Provider[] = [...istio, ...strict];
  const headers = new Set<string>();
  let query = false;
  for (const locations of all.map(locationsOf)) {
    for (const { name } of locations.headers) headers.add(name);
    if (locations.cookies.length > 0) headers.add('cookie');
    query ||= locations.params.length > 0;
  }
  const bindings = new Set(all.map((provider) => (provider.type === 'jwt' ? provider.binding : 'none')));
  if (istio.length > 0) headers.add('origin').add('access-control-request-method');
  if (bindings.has('dpop')) headers.add('dpop');
  return {
    headers: [...headers],
    query,
    method: istio.length > 0 || bindings.has('dpop'),
    certificate: bindings.has('certificate'),
    once: bindings.has('dpop'),
  };
}

function locationsOf(provider: Provider): ProofLocations {
  if (provider.type === 'jwt') return jwtLocations(provider);
  const { locations, type } = provider;
  const isNowhere = locations.headers.length + locations.params.length + locations.cookies.length === 0;
  return isNowhere && type === 'apiKey' ? { ...locations, headers: [{ name: 'x-api-key', prefix: '' }] } : locations;
}
