import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** Set by `npm run test:console -- --screenshots`. */
export const SCREENSHOTS_VARIABLE = 'CONSOLE_SCREENSHOTS';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'docs', 'screenshots');

/** Writes docs/screenshots/NAME.png, where pictures are wanted: what the window shows, from its top. */
export async function screenshot(page: Page, name: string): Promise<void> {
  if (process.env[SCREENSHOTS_VARIABLE] !== '1') return;
  await mkdir(FOLDER, { recursive: true });
  await page.evaluate(WITHOUT_TEMPORARY_FOLDERS);
  await page.evaluate('scrollTo(0, 0)');
  await page.screenshot({ path: join(FOLDER, `${name}.png`), animations: 'disabled', caret: 'hide' });
}

/** The tests' service reads its policies from a folder of their own, which is nothing to show to others. */
const WITHOUT_TEMPORARY_FOLDERS = String.raw`(() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const { data } = texts.currentNode;
    const shown = data.replace(/\/[^ ]*\/portcullis-[^/ ]+\//g, '');
    if (shown !== data) texts.currentNode.data = shown;
  }
})()`;
