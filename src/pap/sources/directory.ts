/** Policies in files and directories, read again when they change. */
import { readPolicyFiles } from './read-files.ts';
import type { PolicyFiles, PolicySource, Watch } from './policy-source.ts';
import { Taken } from './taken.ts';
import { Watching } from './watching.ts';

export interface DirectoryOptions {
  /** Files and directories. */
  readonly paths: readonly string[];
  /** Changes closer together than this are one change. */
  readonly debounceMs: number;
  /** How often to look without a file event; 0: never. */
  readonly pollMs: number;
}

export class DirectorySource implements PolicySource {
  readonly #options: DirectoryOptions;
  readonly #taken = new Taken();

  constructor(options: DirectoryOptions) {
    this.#options = options;
  }

  async read(): Promise<PolicyFiles> {
    const reading = await readPolicyFiles(this.#options.paths);
    this.#taken.take(reading);
    return { files: reading.files, diagnostics: reading.diagnostics };
  }

  watch(changed: (content: PolicyFiles) => void): Watch {
    const watching = new Watching(this.#options, this.#taken, changed);
    const ended = watching.run();
    return {
      close: () => {
        watching.close();
        return ended;
      },
    };
  }
}
