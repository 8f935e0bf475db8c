/** Standard error or standard output, through the writer that others write lines to as well. */
import { Lost } from '../batch.ts';
import type { Batch, Sink } from '../batch.ts';

/** `LineWriter` of the telemetry folder is one. */
export interface Lines {
  hasRoom(bytes: number): boolean;
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
    // Asked first: what is refused counts as lost there, and these lines are not lost.
    if (!this.#lines.hasRoom(bytes.length)) throw new Error(`${this.name} takes nothing at the moment`);
    const before = this.#lines.droppedLines;
    this.#lines.write(bytes);
    await this.#lines.flush();
    // Perhaps they were somebody else's; then more is said to be missing than is.
    if (this.#lines.droppedLines > before) throw new Lost(`${this.name} has lost lines`);
  }

  /** The writer is others' as well, who see to its last lines. */
  close(): Promise<void> {
    return Promise.resolve();
  }
}
