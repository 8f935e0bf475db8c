/** What axe-core, which knows WCAG, has against a page as it is now. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { AxeResults } from 'axe-core';
import type { Page } from 'playwright-core';

const SOURCE = readFileSync(fileURLToPath(import.meta.resolve('axe-core/axe.min.js')), 'utf8');

const RUN = `axe.run(document, {
  runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
  resultTypes: ['violations'],
}).then(({ violations }) => ({ violations }))`;

/** One line for each rule that is broken, with the first place; none when the page is good. */
export async function complaintsOfAxe(page: Page): Promise<readonly string[]> {
  // The debugger's own way in: the page's policy lets no script in that is not its own, and stays as it is.
  const session = await page.context().newCDPSession(page);
  try {
    await session.send('Runtime.evaluate', { expression: SOURCE });
    const { result, exceptionDetails } = await session.send('Runtime.evaluate', {
      expression: RUN,
      awaitPromise: true,
      returnByValue: true,
    });
    if (exceptionDetails !== undefined) throw new Error(`axe failed: ${JSON.stringify(exceptionDetails)}`);
    const { violations } = result.value as Pick<AxeResults, 'violations'>;
    return violations.map(({ id, impact, help, nodes }) => {
      const [first] = nodes;
      return `${impact ?? '?'} ${id}: ${help} (${nodes.length}×, ${first?.html.slice(0, 200) ?? ''} – ${first?.failureSummary ?? ''})`;
    });
  } finally {
    await session.detach();
  }
}
