/** What is taken out of a request before it goes on, so that the upstream gets no proof that it was not to have. */
import type { Vouched } from './vouched.ts';

export interface Strip {
  /** Lower case. */
  readonly headers: readonly string[];
  readonly params: readonly string[];
  readonly cookies: readonly string[];
}

export const STRIP_NOTHING: Strip = Object.freeze({ headers: [], params: [], cookies: [] });

/** `leaveTokens`: JWTs stay, because somebody behind us verifies them again. Keys and opaque tokens are nobody else's. */
export function stripOf(vouched: readonly Vouched[], leaveTokens: boolean): Strip {
  const gone = vouched.filter(({ provider }) => !provider.forwardOriginal && !(leaveTokens && provider.type === 'jwt'));
  if (gone.length === 0) return STRIP_NOTHING;
  const names = { header: new Set<string>(), query: new Set<string>(), cookie: new Set<string>() };
  for (const { places } of gone) for (const place of places) names[place.in].add(place.name);
  return { headers: [...names.header], params: [...names.query], cookies: [...names.cookie] };
}
