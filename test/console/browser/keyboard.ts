import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { expectGone, expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';

/** Where the focus is, as a listener would be told. */
async function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    '(document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.textContent ?? "").trim()',
  );
}

/** Presses Tab until the focus is on something of this name. */
async function tabTo(page: Page, name: RegExp): Promise<void> {
  const seen: string[] = [];
  for (let at = 0; at < 60; at += 1) {
    await page.keyboard.press('Tab');
    const here = await focused(page);
    if (name.test(here)) return;
    seen.push(here);
  }
  throw new Error(`Tab never came to ${String(name)}, but to:\n${seen.join('\n')}`);
}

export function keyboardTests({ world, pages }: Given): void {
  it('skips the head, goes to a page, opens a decision and follows it', async () => {
    const page = await pages.open(world().address('overview'));
    await expectShown(page.getByRole('region', { name: 'In force' }));
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the page');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');

    await page.reload();
    await expectShown(page.getByRole('region', { name: 'In force' }));
    await tabTo(page, /^Decisions$/);
    await page.keyboard.press('Enter');
    await expectShown(page.getByRole('heading', { level: 1, name: 'Decisions' }));
    expect(await focused(page)).toBe('Decisions');
    expect(await page.title()).toBe('Decisions · Portcullis');
    await expectShown(page.locator('.decision').first());
    await tabTo(page, /^Pause$/);
    await page.keyboard.press('Space');
    await tabTo(page, /details$/);
    await page.keyboard.press('Enter');
    await expectShown(page.getByRole('region', { name: 'Why' }));
    await tabTo(page, /^Explain it, and try changes$/);
    await page.keyboard.press('Enter');
    await expectShown(page.getByRole('region', { name: 'Verdict' }));
    expect(await focused(page)).toBe('Explain');
  });

  it('walks through the graph with arrows, chooses a node, and comes back', async () => {
    const page = await pages.open(world().address('graph'));
    await expectShown(page.getByRole('list', { name: 'Callers' }).getByRole('button').first());
    await tabTo(page, /^Picture of who may call what$/);
    await page.keyboard.press('Tab');
    const first = await focused(page);
    await page.keyboard.press('ArrowDown');
    const second = await focused(page);
    expect(second).not.toBe(first);
    await page.keyboard.press('ArrowUp');
    expect(await focused(page)).toBe(first);
    await page.keyboard.press('ArrowRight');
    const inColumn = (name: string) => page.getByRole('list', { name }).locator('button:focus');
    await expectShown(inColumn('Workloads'));
    await page.keyboard.press('ArrowRight');
    await expectShown(inColumn('Methods and paths'));
    await page.keyboard.press('ArrowLeft');
    await expectShown(inColumn('Workloads'));
    await page.keyboard.press('End');
    await page.keyboard.press('Enter');
    const chosen = page.getByRole('list', { name: 'Workloads' }).getByRole('button', { pressed: true });
    await expectShown(chosen);
    // The focus stays where it was, though everything moved.
    expect(await focused(page)).toBe((await chosen.textContent())!.trim());
    await page.keyboard.press('Escape');
    await expectGone(chosen);
    // One stop of the tab key in each column.
    await tabTo(page, /./);
    await expectShown(inColumn('Methods and paths'));
  });

  it('shows where it is', async () => {
    const page = await pages.open(world().address('policies'));
    await expectShown(page.locator('.policy').first());
    for (let at = 0; at < 12; at += 1) {
      await page.keyboard.press('Tab');
      const outline = await page.evaluate<string>('getComputedStyle(document.activeElement).outlineStyle');
      expect(outline).toBe('solid');
    }
  });
}
