import type { Gate } from './verify-token.ts';

export interface GateSettings {
  /** Pieces of work at once. */
  readonly maxRunning: number;
  /** Pieces that wait for their turn, first come first served; past it there is no room. */
  readonly maxWaiting: number;
}

/**
 * So that a burst of new tokens fills a queue of known length, and not the threads that all requests share.
 *
 * Anybody can make tokens that name an issuer, so one issuer's take half of the queue at most: those of the others are
 * still looked at.
 */
export function createGate({ maxRunning, maxWaiting }: GateSettings): Gate {
  const waiting: (() => void)[] = [];
  const waitingOf = new Map<object, number>();
  const maxWaitingOf = Math.ceil(maxWaiting / 2);
  let running = 0;
  const release = (): void => {
    // The place goes to the next one, so `running` stays.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };
  return (source, work) => {
    if (running < maxRunning) {
      running++;
      return work().finally(release);
    }
    const others = waitingOf.get(source) ?? 0;
    if (waiting.length >= maxWaiting || others >= maxWaitingOf) return null;
    waitingOf.set(source, others + 1);
    const turn = new Promise<void>((resolve) => waiting.push(resolve));
    return turn
      .then(() => {
        const left = waitingOf.get(source)! - 1;
        if (left === 0) waitingOf.delete(source);
        else waitingOf.set(source, left);
        return work();
      })
      .finally(release);
  };
}
