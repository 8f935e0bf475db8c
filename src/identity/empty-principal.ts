/**
 * Notices listeners whose checks never have a principal: rules about who asks can then only ever say no, and nothing
 * else tells why.
 */

/** Checks without any principal after which a listener is told of: past start-up, probes and a first few callers. */
const DEFAULT_CHECKS = 1000;
/** Listeners that are told apart. A service is asked by tens of them; more are a name that somebody makes up. */
const MAX_LISTENERS = 1024;

/** What is counted for a listener that has shown a principal: it is never told of again. */
const SEEN = -1;

export class EmptyPrincipals {
  readonly #counts = new Map<string, number>();
  readonly #checks: number;
  readonly #maxListeners: number;

  constructor(checks = DEFAULT_CHECKS, maxListeners = MAX_LISTENERS) {
    this.#checks = checks;
    this.#maxListeners = maxListeners;
  }

  /**
   * Once for each check. `listener`: what tells one from another, such as the destination's address. True exactly when
   * this check is the one that makes the listener one to be told of: the moment to log {@link warning}.
   */
  saw(listener: string, hasPrincipal: boolean): boolean {
    const count = this.#counts.get(listener);
    if (count === undefined) {
      if (this.#counts.size >= this.#maxListeners) return false;
      this.#counts.set(listener, hasPrincipal ? SEEN : 1);
      return !hasPrincipal && this.#checks <= 1;
    }
    if (count === SEEN) return false;
    if (hasPrincipal) {
      this.#counts.set(listener, SEEN);
      return false;
    }
    if (count >= this.#checks) return false;
    this.#counts.set(listener, count + 1);
    return count + 1 === this.#checks;
  }

  /** Listeners to be told of, in the order in which they were first seen. Walks all of them: for probes and scrapes. */
  get listeners(): readonly string[] {
    return [...this.#counts].filter(([, count]) => count >= this.#checks).map(([listener]) => listener);
  }

  /** One line for people; null: this listener is none to be told of. */
  warning(listener: string): string | null {
    if ((this.#counts.get(listener) ?? 0) < this.#checks) return null;
    return (
      `none of the first ${this.#checks} checks of ${listener} had a principal, so no rule about principals, ` +
      'namespaces or service accounts can match there: let the listener require client certificates ' +
      '(`require_client_certificate`; in Istio PeerAuthentication `STRICT`); where it does, set ' +
      '`include_peer_certificate` on its ext_authz filter; at an ambient waypoint set the annotation ' +
      '`ambient.istio.io/xfcc-include-client-identity: "true"` and here `identity.xfcc.trustEmptyPeer`'
    );
  }
}
