import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';

/** Set by `npm run test:console -- --screenshots`. */
export const SCREENSHOTS_VARIABLE = 'CONSOLE_SCREENSHOTS';

const FOLDER = join(import.meta.dirname, '..', '..', '..', 'docs', 'screenshots');

/** Writes docs/screenshots/NAME.png, where pictures are wanted: what the window shows, or all of the page. */
export async function screenshot(page: Page, name: string, whole: 'window' | 'page' = 'window'): Promise<void> {
  if (process.env[SCREENSHOTS_VARIABLE] !== '1') return;
  await mkdir(FOLDER, { recursive: true });
  await page.screenshot({
    path: join(FOLDER, `${name}.png`),
    fullPage: whole === 'page',
    animations: 'disabled',
    caret: 'hide',
  });
}
