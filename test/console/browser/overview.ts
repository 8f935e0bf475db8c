import { expect, it } from '@jest/globals';
import { expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';

export function overviewTests({ world, pages }: Given): void {
  it('shows that the service is ready, by which policies, and what it decides', async () => {
    const page = await pages.open(world().address('overview'), { height: 1180 });
    await expectShown(page.getByRole('banner').getByText('ready', { exact: true }));
    const { revision } = await world().service.readiness();
    const state = page.getByRole('region', { name: 'In force' });
    await expectShown(state.getByText(revision!));
    await expectShown(state.getByRole('link', { name: /^\d+ with \d+ rules$/ }));

    // Checks come all the time: a rate, their percentile, their denials.
    const figures = page.getByRole('region', { name: 'The last minute', exact: true });
    await expectShown(figures.getByText(/^[1-9][\d.]*$/).first());
    await expectShown(figures.getByText(/^[\d.]+ (µs|ms)$/));
    await expectShown(figures.getByText(/^[1-9][\d.]* %$/).first());
    const denials = page.getByRole('region', { name: 'Denials by reason' });
    for (const reason of ['no_rule_matched', 'malformed_path', 'deny_rule', 'token_required'])
      await expectShown(denials.getByRole('link', { name: reason }));
    await expectShown(
      page
        .getByRole('region', { name: 'Latest denials' })
        .getByRole('link', { name: /^(GET|POST|DELETE) \// })
        .first(),
    );
  });

  it('has the numbers of a chart as a table, and the newest ones beside its name', async () => {
    const page = await pages.open(world().address('overview'));
    const chart = page.getByRole('figure', { name: /^Decisions/ });
    await chart.getByText('Numbers of Decisions').click();
    const table = chart.getByRole('table');
    expect(await table.getByRole('columnheader').allTextContents()).toEqual(['Until', 'denied', 'allowed']);
    await expectShown(
      table
        .getByRole('row')
        .nth(1)
        .getByRole('rowheader')
        .getByText(/^\d\d:\d\d:\d\d$/),
    );
    expect(
      await page
        .getByRole('figure', { name: /^Latency/ })
        .locator('.legend')
        .textContent(),
    ).toMatch(/^p50 .*p95 .*p99 /);
  });

  it('leads from a reason to the decisions that have it', async () => {
    const page = await pages.open(world().address('overview'));
    await page.getByRole('region', { name: 'Denials by reason' }).getByRole('link', { name: 'deny_rule' }).click();
    await expectShown(page.getByRole('heading', { level: 1, name: 'Decisions' }));
    expect(await page.getByLabel('Reason').inputValue()).toBe('deny_rule');
    const reasons = page.locator('.decision .decision-why .mono');
    await expectShown(reasons.first());
    expect(new Set(await reasons.allTextContents())).toEqual(new Set(['deny_rule']));
  });
}
