/** What a supervisor or a terminal tells the service. */

export interface Signals {
  /** The name of the signal. */
  readonly stop: Promise<string>;
  onReload(reload: () => Promise<void>): void;
}

/** The first signal to stop drains, the second does not wait. */
export function listenToSignals(secondStop: () => never): Signals {
  const stop = new Promise<string>((resolve) => {
    let asked = false;
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.on(signal, () => {
        if (asked) secondStop();
        asked = true;
        resolve(signal);
      });
    }
  });
  return { stop, onReload: (reload) => void process.on('SIGHUP', () => void reload()) };
}
