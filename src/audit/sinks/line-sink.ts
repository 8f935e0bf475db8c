/** Standard error or standard output, through the writer that others write lines to as well. */
import { Lost } from '../batch.ts';
import type { Batch, Sink } from '../batch.ts';

/** `LineWriter` of the telemetry folder is one. */
export interface Lines {
  /** Whole lines. False: there is no room, and none of them will be written. Must not throw. */
  write(lines: Buffer): boolean;
  /** Resolves when all lines taken so far are written or lost. */
  flush(): Promise<void>;
  /** Lines that were lost so far. */
  readonly droppedLines: number;
}

export class LineSink implements Sink {
  readonly name: string;
  readonly #lines: Lines;

  constructor(name: string, lines: Lines) {
    this.name = name;
    this.#lines = lines;
  }

  async send({ bytes }: Batch): Promise<void> {
    if (!this.#lines.write(bytes)) throw new Error(`${this.name} takes nothing at the moment`);
    const before = this.#lines.droppedLines;
    await this.#lines.flush();
    // Perhaps they were somebody else's; then more is said to be missing than is.
    if (this.#lines.droppedLines > before) throw new Lost(`${this.name} has lost lines`);
  }

  close(): Promise<void> {
    return this.#lines.flush();
  }
}
