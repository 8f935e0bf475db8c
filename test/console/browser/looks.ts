import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';
import { screenshot } from './screenshots.ts';

const PAGES = ['overview', 'decisions', 'policies', 'graph', 'explain'] as const;

const GROUND = 'getComputedStyle(document.body).backgroundColor';

/** Until the page has what it asks for. */
async function filled(page: Page, name: (typeof PAGES)[number]): Promise<void> {
  const telling = {
    overview: '.latest li',
    decisions: '.decision',
    policies: '.policy',
    graph: '.graph-node, .link-table tr',
    explain: '.explain-form',
  }[name];
  await expectShown(page.locator(telling).first());
}

export function looksTests({ world, pages }: Given): void {
  it('is as the system has it, until somebody says otherwise, also the next time', async () => {
    const page = await pages.open(world().address('overview'), { colorScheme: 'dark' });
    const dark = await page.evaluate<string>(GROUND);
    const theme = page.getByRole('button', { name: /^Theme: / });
    expect(await theme.getAttribute('aria-label')).toBe('Theme: as the system');
    await theme.click();
    expect(await theme.getAttribute('aria-label')).toBe('Theme: light');
    const light = await page.evaluate<string>(GROUND);
    expect(light).not.toBe(dark);
    await page.reload();
    await expectShown(theme);
    expect(await page.evaluate<string>(GROUND)).toBe(light);
    await theme.click();
    expect(await theme.getAttribute('aria-label')).toBe('Theme: dark');
    expect(await page.evaluate<string>(GROUND)).toBe(dark);
  });

  it('fits on a phone: nothing has to be pushed sideways', async () => {
    const page = await pages.open(world().address('overview'), { width: 360, height: 740, isPhone: true });
    for (const name of PAGES) {
      await page.getByRole('navigation').getByRole('link', { name, exact: false }).click();
      await filled(page, name);
      expect([name, await page.evaluate<number>('document.documentElement.scrollWidth')]).toEqual([name, 360]);
      await screenshot(page, `${name}-phone`);
    }
    // With something open, too.
    await page.getByRole('navigation').getByRole('link', { name: 'Decisions' }).click();
    await page.getByRole('radio', { name: 'Denied' }).check();
    await page.locator('.decision-button').first().click();
    await expectShown(page.getByRole('region', { name: 'Why' }).getByText(/^(Denied|Allowed) because/));
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBe(360);
    await screenshot(page, 'decision-phone');
  });

  it('is at home in the light', async () => {
    const page = await pages.open(world().address('overview'), { height: 1180 });
    for (const name of ['overview', 'graph'] as const) {
      await page.goto(world().address(name));
      await filled(page, name);
      await screenshot(page, `${name}-light`);
    }
    expect(await page.evaluate<string>(GROUND)).toMatch(/^rgb\(24\d, /);
  });

  it('is at home in the dark', async () => {
    const page = await pages.open(world().address('overview'), { colorScheme: 'dark', height: 1180 });
    for (const name of PAGES) {
      await page.goto(world().address(name));
      await filled(page, name);
      await screenshot(page, `${name}-dark`);
    }
    expect(await page.evaluate<string>(GROUND)).toMatch(/^rgb\(1\d, /);
  });
}
