import { expect, it } from '@jest/globals';
import { complaintsOfAxe } from './axe.ts';
import type { PageOptions } from './browser.ts';
import { expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';

const WINDOWS: readonly (readonly [string, PageOptions])[] = [
  ['light', {}],
  ['dark', { colorScheme: 'dark' }],
  ['on a phone', { width: 360, height: 740, isPhone: true }],
];

export function accessibilityTests({ world, pages }: Given): void {
  it.each(WINDOWS)('finds nothing wrong with any page, %s', async (_name, options) => {
    const page = await pages.open(world().address('overview'), options);
    const complaints = new Map<string, readonly string[]>();
    const look = async (name: string): Promise<void> => {
      const found = await complaintsOfAxe(page);
      if (found.length > 0) complaints.set(name, found);
    };
    await expectShown(page.locator('.latest li').first());
    await page.getByText('Numbers of Latency').click();
    await look('overview');
    await page.goto(world().address('decisions'));
    await page.locator('.decision-button').first().click();
    await expectShown(page.getByRole('region', { name: 'Why' }).getByText(/^(Denied|Allowed) because/));
    await look('decisions');
    await page.goto(world().address('policies'));
    await expectShown(page.locator('.policy').first());
    await look('policies');
    await page.goto(world().address('graph?shape=picture'));
    await page.locator('.graph-node').first().click();
    await expectShown(page.getByRole('table', { name: 'Who may call what' }));
    await look('graph');
    await page.goto(world().address('explain'));
    await page.getByLabel('Namespace').fill('shop');
    await page.getByLabel('Labels').fill('app=orders');
    await page.getByLabel('Headers').fill('no header');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await expectShown(page.getByText(/is no header/));
    await look('explain, with a mistake');
    await page.getByLabel('Headers').fill('');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await expectShown(page.getByRole('heading', { name: 'The whole way' }));
    await look('explain');
    expect(Object.fromEntries(complaints)).toEqual({});
  });
}
