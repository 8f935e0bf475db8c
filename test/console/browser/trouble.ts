import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { expectGone, expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';
import { screenshot } from './screenshots.ts';

export function troubleTests({ world, pages }: Given): void {
  it('with the policies is told, with the place of each mistake, until it is mended', async () => {
    const { service } = world();
    const page = await pages.open(world().address('overview'));
    const good = await readFile(join(service.policies, 'shop', 'orders.yaml'), 'utf8');
    try {
      await service.writePolicies({ 'shop/orders.yaml': good.replace('methods: [GET]', 'methodds: [GET]') });
      await expectShown(page.getByText('The policies on disk have errors.'));
      await expectShown(page.getByRole('banner').getByText('stale'));
      await expectShown(page.getByText(/shop\/orders\.yaml:\d+:\d+$/).first());
      await expectShown(page.getByText('methodds').first());
      await screenshot(page, 'stale-light');
    } finally {
      await service.writePolicies({ 'shop/orders.yaml': good });
    }
    await expectGone(page.getByText('The policies on disk have errors.'));
    await expectShown(page.getByRole('banner').getByText('ready', { exact: true }));
  });

  it('with the service is told, and over when it is back, with counts from the start', async () => {
    const { service } = world();
    const page = await pages.open(world().address('overview'));
    const figures = page.getByRole('region', { name: 'The last minute', exact: true });
    await expectShown(figures.getByText(/^[1-9][\d.]*$/).first());
    const decisions = await pages.open(world().address('decisions'));
    await expectShown(decisions.locator('.decision').first());
    await service.kill();
    for (const each of [page, decisions]) {
      await expectShown(each.getByText(/^The service has not answered since \d\d:\d\d:\d\d\.$/));
      await expectShown(each.getByRole('banner').getByText('no answer'));
    }
    // What was seen stays in sight.
    expect(await decisions.locator('.decision').count()).toBeGreaterThan(0);
    // Asked by hand it does not answer either.
    await page.getByRole('button', { name: 'Try now' }).click();
    await service.start();
    for (const each of [page, decisions]) {
      await expectShown(each.getByRole('banner').getByText('ready', { exact: true }));
      await expectGone(each.getByText(/^The service has not answered since/));
    }
    await expectShown(figures.getByText(/^[1-9][\d.]*$/).first());
    // Both charts mark when it began anew, and no rate is negative.
    await page.locator('.chart .restart').first().waitFor({ state: 'attached' });
    expect(await page.locator('.figures').textContent()).not.toContain('-');
    // The list goes on with what the new run decides.
    const before = await decisions.locator('.decision').count();
    await expectShown(decisions.locator('.decision').nth(before));
  });

  it('with one answer stays where it is: the page says so, and asks again', async () => {
    const page = await pages.open(world().address('policies'));
    await expectShown(page.locator('.policy').first());
    await page.route('**/api/v1/policies*', (route) =>
      route.fulfill({ status: 503, json: { error: { code: 'busy', message: 'too much to do' } } }),
    );
    await expectShown(page.getByText('The service could not say: too much to do'));
    expect(await page.locator('.policy').count()).toBeGreaterThan(5);
    await page.unroute('**/api/v1/policies*');
    await expectGone(page.getByText('The service could not say: too much to do'));
  });

  it('with what an answer says does not take the other pages along', async () => {
    const page = await pages.open(world().address('overview'));
    await page.route('**/api/v1/policies*', (route) => route.fulfill({ json: { policies: 'none of the kind' } }));
    await page.getByRole('navigation').getByRole('link', { name: 'Policies' }).click();
    await expectShown(page.getByText('This page failed.'));
    await page.getByRole('navigation').getByRole('link', { name: 'Graph' }).click();
    await expectShown(page.locator('.graph-node').first());
  });
}
