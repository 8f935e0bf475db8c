/** What one request carries, looked for once in each set of places: most providers share theirs. */
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import type { JwtProvider, ProofLocations } from '../policy/identity-model.ts';
import { findProofs } from './jwt/locations.ts';
import type { FoundProofs } from './jwt/locations.ts';

/** One text for one set of places. */
const texts = new WeakMap<ProofLocations, string>();

function textOf(locations: ProofLocations): string {
  let text = texts.get(locations);
  if (text === undefined) {
    const { headers, params, cookies } = locations;
    text = JSON.stringify([headers.map(({ name, prefix }) => [name, prefix]), params, cookies]);
    texts.set(locations, text);
  }
  return text;
}

export class ProofFinder {
  readonly #request: RequestAttributes;
  readonly #profile: JwtProvider['profile'];
  readonly #found = new Map<string, FoundProofs>();

  constructor(request: RequestAttributes, profile: JwtProvider['profile']) {
    this.#request = request;
    this.#profile = profile;
  }

  find(locations: ProofLocations): FoundProofs {
    const text = textOf(locations);
    let found = this.#found.get(text);
    if (found === undefined) {
      found = findProofs(this.#request, locations, this.#profile);
      this.#found.set(text, found);
    }
    return found;
  }
}
