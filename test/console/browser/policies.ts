import { expect, it } from '@jest/globals';
import { expectGone, expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';
import { screenshot } from './screenshots.ts';

export function policiesTests({ world, pages }: Given): void {
  it('show which rules were never used, and those alone when asked to', async () => {
    const page = await pages.open(world().address('policies'));
    const warehouse = page.getByRole('region', { name: 'shop/warehouse' });
    await expectShown(warehouse.getByText('never used'));
    await expectShown(warehouse.getByRole('row', { name: /pick-lists/ }).getByText('never', { exact: true }));
    // What it says, and where it stands.
    await expectShown(warehouse.locator('td.policy-says').getByText('shop/orders, with'));
    await expectShown(warehouse.getByText(/shop\/warehouse\.yaml:\d+:\d+$/));

    const payments = page.getByRole('region', { name: 'shop/payments', exact: true });
    await expectShown(payments.getByRole('row', { name: /^charge/ }).getByRole('link', { name: /^[\d,]+$/ }));
    await screenshot(page, 'policies-light');
    await page.getByRole('button', { name: 'Only never used' }).click();
    await expectShown(payments.getByRole('row', { name: /^read/ }));
    await expectGone(payments.getByRole('row', { name: /^charge/ }));
    expect(await page.getByRole('region', { name: 'shop/metrics' }).count()).toBe(0);
    await expectShown(page.getByText(/^\d+ of \d+ policies, in which \d+ rules were never used$/));
  });

  it('are found by text, action and use, and the address keeps what was asked', async () => {
    const page = await pages.open(world().address('policies'));
    await expectShown(page.getByRole('region', { name: 'shop/warehouse' }));
    await page.getByLabel('Text').fill('SUPPORT-READS');
    await expectGone(page.getByRole('region', { name: 'shop/warehouse' }));
    expect(await page.locator('.policy h2').allTextContents()).toEqual(['shop/orders']);
    await page.getByLabel('Text').fill('');
    await page.getByLabel('Action').selectOption('DENY');
    await expectGone(page.getByRole('region', { name: 'shop/orders', exact: true }));
    expect(new Set(await page.locator('.policy .badge.deny').allTextContents())).toEqual(new Set(['DENY']));
    await page.getByLabel('Order', { exact: true }).selectOption('name');
    await page.reload();
    await expectShown(page.locator('.policy').first());
    expect([
      await page.getByLabel('Action').inputValue(),
      await page.getByLabel('Order', { exact: true }).inputValue(),
    ]).toEqual(['DENY', 'name']);
    const names = await page.locator('.policy h2').allTextContents();
    expect(names).toEqual(names.toSorted());
  });

  it('lead from a count to the decisions of a policy', async () => {
    const page = await pages.open(world().address('policies?text=no-debug'));
    await page.getByRole('link', { name: /^[\d,]+$/ }).click();
    await expectShown(page.getByRole('heading', { level: 1, name: 'Decisions' }));
    await expectShown(page.locator('.decision').first());
    const because = await page.locator('.decision-why').allTextContents();
    expect(because.every((text) => text.includes('istio-system/no-debug-endpoints'))).toBe(true);
  });
}
