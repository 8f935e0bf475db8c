import type { Locator, Page } from 'playwright-core';
import type { ConsoleBrowser, OpenPage, PageOptions } from './browser.ts';
import type { ConsoleWorld } from './world.ts';

/** For what a page shows; the machine may have other work. */
const WAIT_MS = 30_000;

/** The pages of one test. None is left open, and none may have done what it must not. */
export class PageKeeper {
  readonly #browser: () => ConsoleBrowser;
  readonly #open: OpenPage[] = [];

  constructor(browser: () => ConsoleBrowser) {
    this.#browser = browser;
  }

  async open(address: string, options?: PageOptions): Promise<Page> {
    const opened = await this.#browser().open(address, options);
    opened.page.setDefaultTimeout(WAIT_MS);
    this.#open.push(opened);
    return opened.page;
  }

  /** What the open pages did wrong. */
  faults(): readonly string[] {
    return this.#open.flatMap((each) => each.faults());
  }

  /** What was done wrong so far was what the test was about. */
  forgive(): void {
    for (const each of this.#open) each.forgive();
  }

  async closeAll(): Promise<void> {
    const faults = this.faults();
    await Promise.all(this.#open.splice(0).map((each) => each.close()));
    if (faults.length > 0) throw new Error(`the page did what it must not:\n${faults.join('\n')}`);
  }
}

/** What every group of tests is given. */
export interface Given {
  readonly world: () => ConsoleWorld;
  readonly pages: PageKeeper;
}

/** Comes up, in time. */
export async function expectShown(what: Locator): Promise<void> {
  await what.waitFor();
}

/** Goes away, or was never there. */
export async function expectGone(what: Locator): Promise<void> {
  await what.waitFor({ state: 'detached' });
}
