import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { makeTraffic, DEFAULT_TRAFFIC } from '../../../load-tests/generator/requests.ts';
import { startService } from '../../e2e/support/service.ts';
import { expectGone, expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';
import { screenshot } from './screenshots.ts';

/** Rows of the table, each as its cells. */
async function rowsOf(page: Page): Promise<readonly (readonly string[])[]> {
  const rows = await page.getByRole('table', { name: 'Who may call what' }).getByRole('row').all();
  return Promise.all(rows.slice(1).map((row) => row.getByRole('cell').allTextContents()));
}

export function graphTests({ world, pages }: Given): void {
  it('tells who may call a workload, what of it was seen, and what was denied', async () => {
    const page = await pages.open(world().address('graph'), { height: 1180 });
    const workloads = page.getByRole('list', { name: 'Workloads' });
    await expectShown(workloads.getByRole('button', { name: /^shop\/orders/ }));
    await expectShown(workloads.getByRole('button', { name: /^shop\/payments .*allowed.*denied/ }));

    await workloads.getByRole('button', { name: /^shop\/payments/ }).click();
    await expectShown(page.getByText(/calls to shop\/payments\.$/));
    const callers = page.getByRole('list', { name: 'Callers' });
    await expectGone(callers.getByRole('button', { name: /^edge\/gateway/ }));
    for (const caller of ['shop/orders', 'shop/admin', 'monitoring/prometheus'])
      await expectShown(callers.getByRole('button', { name: caller }));
    const rows = await rowsOf(page);
    const said = rows.map(
      ([caller, , operation, seen, rule]) => `${caller!} ${operation!} ${seen!.replace(/^[\d,]+ /, '')} ${rule!}`,
    );
    expect(said).toContain('shop/orders POST /charges allowed shop/payments · charge');
    expect(said).toContain('shop/frontend POST /charges denied no rule');
    // The whole namespace's policy counts for it, too.
    expect(said).toContain('monitoring/prometheus GET /metrics allowed shop/metrics · rule 0');
    // A permission that nobody used: no GET of a charge is in the demo.
    expect(said.some((row) => row.includes('GET /charges/{*} may, never seen'))).toBe(true);
    await screenshot(page, 'graph-workload-light');

    await page.getByRole('button', { name: /^shop\/payments/, pressed: true }).click();
    await expectShown(callers.getByRole('button', { name: /^edge\/gateway/ }));
  });

  it('is there as a table, filtered by text and by what lines say', async () => {
    const page = await pages.open(world().address('graph'));
    await page.getByRole('radio', { name: 'Table' }).check();
    const table = page.getByRole('table', { name: 'Who may call what' });
    await expectShown(table);
    expect(await page.getByRole('list', { name: 'Callers' }).count()).toBe(0);
    await page.getByLabel('Text').fill('warehouse');
    await expectShown(table.getByRole('cell', { name: 'PUT /pick-lists/{*}' }));
    expect(new Set((await rowsOf(page)).map(([, workload]) => workload))).toEqual(new Set(['shop/warehouse']));
    await page.getByRole('checkbox', { name: 'allowed, never seen' }).uncheck();
    await expectShown(page.getByText('Nothing is like that.'));
  });

  it('can be read where there are hundreds of callers, workloads and paths', async () => {
    const { policies } = makeTraffic({ ...DEFAULT_TRAFFIC, rules: 800, requests: 500, questions: 500 });
    const service = await startService({ policies: { 'many.yaml': policies } });
    try {
      const page = await pages.open(`${service.adminUrl}/console/#/graph`);
      await expectShown(page.getByText(/There is no room for .* more: choose one, filter, or take the table\./));
      const buttons = page.locator('.graph-node');
      expect(await buttons.count()).toBeGreaterThan(20);
      expect(await buttons.count()).toBeLessThan(250);
      const text = await buttons.first().locator('.graph-text').textContent();
      await buttons.first().click();
      await expectShown(page.getByText(new RegExp(`calls of ${text!.replace(/[^\w/-]/g, '.')}\\.`)));
      expect(new Set((await rowsOf(page)).map(([caller]) => caller))).toEqual(new Set([text]));
    } finally {
      await service.remove();
    }
  });
}
