/** Looks at answered checks for listeners where nobody ever has a principal: see identity/empty-principal.ts. */
import { EmptyPrincipals } from '../identity/empty-principal.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { CheckRecord } from './check-record.ts';

/** Checks that are all looked at, first of all. */
const ALL_OF_FIRST = 2048;
/** Afterwards one in so many: what is found a little later is found too, and most checks cost nothing. */
const ONE_IN = 64;
/** Listeners of which nothing more needs to be known. */
const MAX_SEEN = 1024;
const MAX_NAME_LENGTH = 64;

export interface ListenerWarning {
  readonly listener: string;
  /** With the settings that would mend it. */
  readonly warning: string;
}

export class PrincipalWatch {
  readonly #log: Pick<Logger, 'warn'>;
  readonly #empty: EmptyPrincipals;
  readonly #seen = new Set<string>();
  #checks = 0;

  constructor(log: Pick<Logger, 'warn'>, empty = new EmptyPrincipals()) {
    this.#log = log;
    this.#empty = empty;
  }

  /** Once for each check that was answered. */
  look(check: Pick<CheckRecord, 'request'>): void {
    this.#checks += 1;
    if (this.#checks > ALL_OF_FIRST && this.#checks % ONE_IN !== 0) return;
    const { request } = check;
    if (request === null) return;
    const { destinationAddress, destinationPort } = request.source;
    const listener = `${destinationAddress.slice(0, MAX_NAME_LENGTH)}:${destinationPort}`;
    if (this.#seen.has(listener) || this.#seen.size >= MAX_SEEN) return;
    const hasPrincipal = request.peer.names.length > 0;
    if (hasPrincipal) this.#seen.add(listener);
    if (this.#empty.saw(listener, hasPrincipal)) this.#log.warn({ listener }, this.#empty.warning(listener) ?? '');
  }

  get warnings(): readonly ListenerWarning[] {
    return this.#empty.listeners.map((listener) => ({ listener, warning: this.#empty.warning(listener) ?? '' }));
  }
}
