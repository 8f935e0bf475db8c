/** A part of the long test. */

export interface StageOptions {
  /** Cases or inputs: what a stage counts. */
  readonly count: number;
  readonly seed: number;
  /** Told now and then how many are done. */
  readonly progress: (done: number) => void;
}

export interface StageResult {
  readonly done: number;
  /** What went wrong, with the case that shows it; null: nothing. */
  readonly failure: string | null;
  /** What else there is to know of the run. */
  readonly note?: string;
}

export interface Stage {
  readonly name: string;
  readonly about: string;
  /** Default number of cases. */
  readonly count: number;
  run(options: StageOptions): StageResult;
}
