/** Denied requests, as many as the service answers, and what it answered: the id of each decision, and when that arrived. */
import { setTimeout as sleep } from 'node:timers/promises';
import { request } from '../../test/cli/support.ts';
import { bytesOf, call, CHECK } from '../../test/serving/support.ts';
import type { Service } from '../../test/serving/support.ts';

/** A long path: what waits is soon as much as there is room for. */
const DENIED = bytesOf(request({ method: 'POST', path: `/orders/1/${'x'.repeat(900)}` }));
const IN_FLIGHT = 64;
/** The id of a decision is the end of its answer (src/extauthz/decision-id.ts). */
const ID = /[0-9a-f]{12}-[0-9a-z]{9}$/;

export class Asked {
  /** When the answer arrived, by the decision's id. */
  readonly answeredMs = new Map<string, number>();
  /** Answers of a service that could not record. */
  unrecorded = 0;
  #goesOn = true;
  readonly #ended: Promise<unknown>;

  /** `perSecond`: about; absent: in a closed loop. */
  constructor(service: Service, perSecond?: number) {
    const pauseMs = perSecond === undefined ? 0 : (1000 * IN_FLIGHT) / perSecond;
    const loop = async (): Promise<void> => {
      while (this.#goesOn) {
        try {
          const answer = await call(service.client, CHECK, DENIED);
          this.#note(answer);
        } catch {
          return;
        }
        if (pauseMs > 0) await sleep(pauseMs);
      }
    };
    this.#ended = Promise.all(Array.from({ length: IN_FLIGHT }, loop));
  }

  #note(answer: Buffer): void {
    const id = ID.exec(answer.toString('latin1'))?.[0];
    if (id === undefined) throw new Error('an answer without an id');
    if (answer.includes('audit_unavailable')) this.unrecorded += 1;
    else this.answeredMs.set(id, Date.now());
  }

  get count(): number {
    return this.answeredMs.size;
  }

  /** Resolves when what was asked is answered, or will not be. */
  async stop(): Promise<void> {
    this.#goesOn = false;
    await this.#ended;
  }
}
