import { BootstrapError } from '../lib/run.mjs';

/** Thrown by a step that this machine cannot do. It is said aloud at the end, and never taken for a success. */
export class Skipped extends Error {
  /** @override */
  name = 'Skipped';
}

/**
 * The checks of one run. Each is done whatever became of the others.
 */
export class Steps {
  /** @type {{ name: string, outcome: 'ok' | 'FAILED' | 'SKIPPED', detail: string }[]} */
  #results = [];

  /**
   * @param {string} name
   * @param {() => Promise<string> | string} work resolves with what was seen, in a few words
   */
  async run(name, work) {
    process.stdout.write(`\n=== ${name}\n`);
    try {
      const detail = await work();
      this.#say(name, 'ok', detail);
    } catch (error) {
      if (error instanceof Skipped) this.#say(name, 'SKIPPED', error.message);
      else
        this.#say(
          name,
          'FAILED',
          error instanceof BootstrapError ? error.message : String(error instanceof Error ? error.stack : error),
        );
    }
  }

  /** The closing lines; false when something failed. */
  report() {
    process.stdout.write('\n');
    for (const { name, outcome, detail } of this.#results) {
      process.stdout.write(`${outcome.padEnd(8)}${name}: ${detail.split('\n')[0] ?? ''}\n`);
    }
    const skipped = this.#results.filter(({ outcome }) => outcome === 'SKIPPED').length;
    if (skipped > 0) process.stdout.write(`${skipped} NOT CHECKED on this machine, see SKIPPED above\n`);
    return this.#results.every(({ outcome }) => outcome !== 'FAILED');
  }

  /**
   * @param {string} name
   * @param {'ok' | 'FAILED' | 'SKIPPED'} outcome
   * @param {string} detail
   */
  #say(name, outcome, detail) {
    this.#results.push({ name, outcome, detail });
    process.stdout.write(`${outcome}: ${detail}\n`);
  }
}
