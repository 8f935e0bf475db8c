/** The page about doctor lists what there is. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { FAULTS } from '../../src/doctor/codes.ts';

const PAGE = readFileSync(join(import.meta.dirname, '../../src/doctor/README.md'), 'utf8');

test('src/doctor/README.md has every code, as the sources have it', () => {
  const rows = Object.entries(FAULTS).map(
    ([code, { severity, risk, mend }]) => `| \`${code}\` | ${severity} | ${risk} | ${mend.replaceAll('|', '\\|')} |`,
  );
  expect(PAGE.split('\n').filter((line) => line.startsWith('| `'))).toEqual(rows);
});
