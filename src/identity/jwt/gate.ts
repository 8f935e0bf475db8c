import type { Gate } from './verify-token.ts';

export interface GateSettings {
  /** Pieces of work at once. */
  readonly maxRunning: number;
  /** Pieces that wait for their turn, first come first served; past it there is no room. */
  readonly maxWaiting: number;
}

/** So that a burst of new tokens fills a queue of known length, and not the threads that all requests share. */
export function createGate({ maxRunning, maxWaiting }: GateSettings): Gate {
  const waiting: (() => void)[] = [];
  let running = 0;
  const release = (): void => {
    // The place goes to the next one, so `running` stays.
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  };
  return (work) => {
    if (running < maxRunning) {
      running++;
      return work().finally(release);
    }
    if (waiting.length >= maxWaiting) return null;
    return new Promise<void>((resolve) => waiting.push(resolve)).then(work).finally(release);
  };
}
