/**
 * How long property tests run. `PORTCULLIS_PROPERTY_RUNS=20000` makes a long run of them;
 * `PORTCULLIS_PROPERTY_SEED` repeats one. Both stand in the name of the test, so that a failure shows them.
 */
export const RUNS = Number(process.env['PORTCULLIS_PROPERTY_RUNS'] ?? 60);
export const SEED = Number(process.env['PORTCULLIS_PROPERTY_SEED'] ?? Date.now() & 0x7fffffff);

/** Of a jest test: a long run takes as long as it takes. */
export const TIMEOUT_MS = Math.max(30_000, RUNS * 200);

export const PARAMETERS = { numRuns: RUNS, seed: SEED } as const;

export const named = (what: string): string => `${what} (seed ${SEED}, ${RUNS} runs)`;
