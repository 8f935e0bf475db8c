import { expect, it } from '@jest/globals';
import { expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';

const MARKUP = '<img/src=x/onerror=window.broken=1>';
/** Right-to-left override, in UTF-8 as bytes. */
const OVERRIDE = '\u00e2\u0080\u00ae';

export function attackTests({ world, pages }: Given): void {
  it('in a path or a header is shown as text, and runs nowhere', async () => {
    const path = `/preview/${MARKUP}`;
    const headers = [['x-preview', `summer"><script>window.broken=2</script>${OVERRIDE}`]] as const;
    const status = await world().ask({ who: 'gateway', workload: 'frontend', path, headers });
    expect(status).toBe(403);
    const page = await pages.open(world().address('decisions'));
    await page.getByLabel('Text').fill('onerror');
    const row = page.locator('.decision').first();
    await expectShown(row);
    expect(await row.locator('.decision-what').textContent()).toContain(path);
    await row.locator('.decision-button').click();
    const has = page.getByRole('region', { name: 'Why' }).getByText('window.broken=2');
    // What cannot be seen is spelled out.
    expect(await has.textContent()).toBe('summer"><script>window.broken=2</script>\\u{202e}');
    await page.getByRole('link', { name: 'Explain it, and try changes' }).click();
    await expectShown(page.getByRole('region', { name: 'Verdict' }).locator('.verdict-request').getByText(MARKUP));
    await page.goto(world().address('graph?shape=table&text=onerror'));
    await page.goto(world().address('overview'));
    await expectShown(page.getByRole('region', { name: 'Latest denials' }).getByRole('link').first());
    expect(await page.evaluate('window.broken ?? null')).toBeNull();
    expect(await page.evaluate('document.querySelectorAll("img, iframe, script:not([src])").length')).toBe(0);
  });

  it('in the address of the page is no way in either', async () => {
    const page = await pages.open(
      `${world().service.adminUrl}/console/?x=${encodeURIComponent(MARKUP)}#/decisions?text=${encodeURIComponent(MARKUP)}&reason=${encodeURIComponent(MARKUP)}`,
    );
    await expectShown(page.getByText(/No decision of this kind came lately|The service could not say/).first());
    expect(await page.getByLabel('Text').inputValue()).toBe(MARKUP);
    expect(await page.evaluate('window.broken ?? null')).toBeNull();
  });

  it('cannot put markup into the page, even with a hand on its console', async () => {
    const page = await pages.open(world().address('overview'));
    const tried = await page.evaluate<string>(`(() => {
      try {
        document.body.innerHTML = '<b>x</b>';
        return 'done';
      } catch (error) {
        return error.name;
      }
    })()`);
    expect(tried).toBe('TypeError');
    // That is what the page's policy is there for, and it is reported as a breach of it.
    expect(pages.faults()).toEqual([expect.stringContaining('TrustedHTML')]);
    pages.forgive();
  });
}
