import { expect, it } from '@jest/globals';
import type { Page } from 'playwright-core';
import { expectGone, expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';
import { screenshot } from './screenshots.ts';

/** Opens the newest decision of this kind, whichever it is by then. */
async function openDecision(page: Page, text: string): Promise<void> {
  await page.getByLabel('Text').fill(text);
  const first = page.locator('.decision-button').first();
  await expectShown(first);
  // New ones may push it down: once it is open, nothing moves.
  await first.click();
  await expectShown(page.getByRole('region', { name: 'Why' }));
}

export function denialTests({ world, pages }: Given): void {
  it('is found in the list, and tells which rule came nearest and what it lacked', async () => {
    const page = await pages.open(world().address('decisions'));
    await page.getByRole('radio', { name: 'Denied' }).check();
    await page.getByLabel('Caller', { exact: true }).fill('sa/frontend');
    await openDecision(page, 'POST payments.shop.example.com/charges');
    const why = page.getByRole('region', { name: 'Why' });
    const nearest = why.getByRole('listitem').filter({ hasText: 'shop/payments · charge' });
    expect(await nearest.locator('p').textContent()).toBe('shop/payments · charge stopped at the caller:');
    expect(await nearest.locator('dd').allTextContents()).toEqual([
      'cluster.local/ns/shop/sa/orders',
      expect.stringContaining('cluster.local/ns/shop/sa/frontend'),
    ]);
    await screenshot(page, 'decisions-light');
  });

  it('names the rule that denied it, and leads to its policy', async () => {
    const page = await pages.open(world().address('decisions?reason=deny_rule'));
    await openDecision(page, '/debug/heap');
    const why = page.getByRole('region', { name: 'Why' });
    await expectShown(why.getByText('As long as it matches, nothing can allow the request.'));
    await why.getByRole('link', { name: 'istio-system/no-debug-endpoints · rule 0' }).click();
    await expectShown(page.getByRole('heading', { level: 1, name: 'Policies' }));
    const policy = page.getByRole('region', { name: 'istio-system/no-debug-endpoints' });
    await expectShown(policy.getByRole('row', { name: /rule 0/ }).getByRole('link', { name: /^[\d,]+$/ }));
    expect(await page.locator('.policy').count()).toBe(1);
  });

  it('is explained, changed, and asked again until it is allowed', async () => {
    const page = await pages.open(world().address('decisions?decision=deny'));
    await page.getByLabel('Caller', { exact: true }).fill('sa/frontend');
    await openDecision(page, 'POST payments.shop.example.com/charges');
    await page.getByRole('link', { name: 'Explain it, and try changes' }).click();
    await expectShown(page.getByRole('heading', { level: 1, name: 'Explain' }));
    await page.getByRole('button', { name: 'Change this request' }).click();
    expect(await page.getByLabel('Path').inputValue()).toBe('/charges');
    await page.getByRole('button', { name: 'Try the caller cluster.local/ns/shop/sa/orders' }).first().click();
    const verdict = page.getByRole('region', { name: 'Verdict' });
    await expectShown(verdict.getByText('allowed', { exact: true }));
    await expectShown(verdict.getByText('The rule that allowed it: shop/payments · charge'));
    expect(await page.getByLabel('Principal').inputValue()).toBe('cluster.local/ns/shop/sa/orders');

    // And by hand: another path, which only the next rule could allow.
    await page.getByLabel('Path').fill('/charges/9/refunds');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await expectShown(verdict.getByText('denied', { exact: true }));
    await screenshot(page, 'explain-light');
  });

  it('is found out from a CheckRequest that somebody pastes', async () => {
    const page = await pages.open(world().address('explain'));
    await page.getByRole('radio', { name: 'CheckRequest' }).check();
    await page.getByLabel('CheckRequest as JSON').fill('{ no JSON');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await expectShown(page.getByText('This is no JSON object.'));
    const request = {
      attributes: {
        source: { principal: 'spiffe://cluster.local/ns/monitoring/sa/prometheus' },
        contextExtensions: { namespace: 'shop', serviceAccount: 'payments', 'label.app': 'payments' },
        request: { http: { method: 'GET', host: 'payments.shop', path: '/metrics' } },
      },
    };
    await page.getByLabel('CheckRequest as JSON').fill(JSON.stringify(request));
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await expectShown(page.getByText('The rule that allowed it: shop/metrics · rule 0'));
    await page.getByLabel('CheckRequest as JSON').fill('{"attributes": {"request": {"http": {"method": 7}}}}');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await expectShown(page.getByText(/^The service could not say: /));
  });

  it('is told with the claims of a token that a rule would like to see', async () => {
    const page = await pages.open(world().address('explain'));
    await page.getByLabel('Principal').fill('cluster.local/ns/shop/sa/admin');
    await page.getByLabel('Namespace').fill('shop');
    await page.getByLabel('Service account').fill('payments');
    await page.getByLabel('Labels').fill('app=payments');
    await page.getByLabel('Method').fill('POST');
    await page.getByLabel('Path').fill('/charges/9/refunds');
    await page.getByLabel('Claims of the token').fill('{"iss": "https://login.example.com", "sub": "fay"');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await expectShown(page.getByText('Claims are a JSON object'));
    await page
      .getByLabel('Claims of the token')
      .fill('{"iss": "https://login.example.com", "sub": "fay", "groups": ["finance"], "acr": "pwd"}');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    const nearest = page.getByRole('region', { name: 'What would change it' }).getByRole('listitem').first();
    expect(await nearest.locator('p').textContent()).toBe('shop/payments · refund stopped at the condition:');
    await page
      .getByLabel('Claims of the token')
      .fill('{"iss": "https://login.example.com", "sub": "fay", "groups": ["finance"], "acr": "mfa"}');
    await page.getByRole('button', { name: 'Explain', exact: true }).click();
    await expectShown(page.getByText('The rule that allowed it: shop/payments · refund'));
    await expectShown(page.getByText('x-user: fay'));
  });

  it('does not move away while somebody reads it, and the list can be paused', async () => {
    const page = await pages.open(world().address('decisions'));
    const first = page.locator('.decision-button').first();
    await first.click();
    const time = await first.textContent();
    const more = page.getByRole('button', { name: /^show [\d,]+ new$/ });
    await expectShown(more);
    expect(await first.textContent()).toBe(time);
    expect(await first.getAttribute('aria-expanded')).toBe('true');
    await first.click();
    await expectGone(more);

    await page.getByRole('button', { name: 'Pause' }).click();
    await expectShown(more);
    await more.click();
    await page.getByRole('button', { name: 'Pause', pressed: true }).click();
    await expectShown(page.getByRole('button', { name: 'Pause', pressed: false }));
  });
}
