import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from '@jest/globals';
import { startService } from '../../e2e/support/service.ts';
import { complaintsOfAxe } from './axe.ts';
import { expectShown } from './page-keeper.ts';
import type { Given } from './page-keeper.ts';
import { screenshot } from './screenshots.ts';

const TOKEN = 'a-token-of-the-tests-0123456789abcdef';

const POLICY = `apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: { name: closed, namespace: shop }
spec: { action: ALLOW, rules: [{ name: nobody, from: [{ source: { principals: [td/ns/a/sa/b] } }] }] }
`;

export function tokenTests({ pages }: Given): void {
  it('is asked for, kept out of addresses, and forgotten with the page unless told otherwise', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'console-token-'));
    await writeFile(join(folder, 'token'), `${TOKEN}\n`);
    const service = await startService({
      policies: { 'policy.yaml': POLICY },
      config: { admin: { tokenFile: join(folder, 'token') } },
      unready: true,
    });
    try {
      const page = await pages.open(`${service.adminUrl}/console/`);
      const dialog = page.getByRole('dialog', { name: 'This service asks for a token' });
      await expectShown(dialog);
      expect(await complaintsOfAxe(page)).toEqual([]);
      await screenshot(page, 'token-light');
      await dialog.getByLabel('Token').fill('with a space');
      await dialog.getByRole('button', { name: 'Unlock' }).click();
      await expectShown(dialog.getByText('A token is printable characters without spaces.'));
      await dialog.getByLabel('Token').fill('wrong-token-wrong-token-wrong-token');
      await dialog.getByRole('button', { name: 'Unlock' }).click();
      await expectShown(dialog.getByText(/^That token was not taken: /));
      await page.keyboard.press('Escape');
      expect(await dialog.isVisible()).toBe(true);

      await dialog.getByLabel('Token').fill(TOKEN);
      await page.keyboard.press('Enter');
      await expectShown(page.getByRole('region', { name: 'In force' }));
      expect(await dialog.count()).toBe(0);
      await page.getByRole('navigation').getByRole('link', { name: 'Policies' }).click();
      await expectShown(page.getByRole('region', { name: 'shop/closed' }));
      expect(page.url()).not.toContain(TOKEN);
      expect(await page.evaluate('JSON.stringify({ ...sessionStorage, ...localStorage })')).not.toContain(TOKEN);

      await page.reload();
      await dialog.getByLabel('Token').fill(TOKEN);
      await dialog.getByLabel('Keep it until this tab is closed').check();
      await dialog.getByRole('button', { name: 'Unlock' }).click();
      await expectShown(page.getByRole('region', { name: 'shop/closed' }));
      await page.reload();
      await expectShown(page.getByRole('region', { name: 'shop/closed' }));
      expect(await page.evaluate('JSON.stringify(localStorage)')).not.toContain(TOKEN);
    } finally {
      await service.remove();
      await rm(folder, { recursive: true, force: true });
    }
  });
}
