/** A directory of its own for a test, and a recorder of what a watch hands on. */
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { PolicyFiles, PolicySource, Watch } from '../../../src/pap/sources/policy-source.ts';

export interface Scratch extends Disposable {
  readonly path: string;
  at(...names: string[]): string;
}

export function scratch(): Scratch {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-pap-')));
  return {
    path,
    at: (...names) => join(path, ...names),
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Long enough for a machine that is busy with other tests. */
const PATIENCE_MS = 15_000;

export class Recorder implements AsyncDisposable {
  readonly #contents: PolicyFiles[] = [];
  readonly #watch: Watch;
  #read = 0;
  #arrived = (): void => undefined;

  constructor(source: PolicySource) {
    this.#watch = source.watch((content) => {
      this.#contents.push(content);
      this.#arrived();
    });
  }

  /** The next content, in the order in which they came. */
  async next(): Promise<PolicyFiles> {
    while (this.#read >= this.#contents.length) {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => {
          reject(new Error('nothing was handed on'));
        }, PATIENCE_MS);
        this.#arrived = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return this.#contents[this.#read++]!;
  }

  /** Texts by file name: what most tests want to know. */
  async nextTexts(): Promise<Record<string, string>> {
    return texts(await this.next());
  }

  get unread(): number {
    return this.#contents.length - this.#read;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#watch.close();
  }
}

export function texts({ files }: PolicyFiles): Record<string, string> {
  return Object.fromEntries(files.map(({ path, text }) => [path.slice(path.lastIndexOf('/') + 1), text]));
}
