/**
 * `npm run test:console`: the console in a real Chromium, before a real service with a real Envoy in front. Further
 * arguments go to jest; `-- --screenshots` writes the pictures of docs/screenshots anew.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { chromiumPath } from '../../scripts/install-chromium.mjs';
import { SCREENSHOTS_VARIABLE } from './browser/screenshots.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const SCREENSHOTS = '--screenshots';

const CHROMIUM_BINARY = await chromiumPath();
const given = process.argv.slice(2);
const child = spawn(
  process.execPath,
  [
    ...['--disable-warning=ExperimentalWarning', '--experimental-vm-modules'],
    join(ROOT, 'node_modules', 'jest', 'bin', 'jest.js'),
    // Browsers are no part of `npm test`.
    ...['--testMatch', '<rootDir>/test/console/browser/*.browser.ts', '--runInBand'],
    // Each wait has a bound of its own; this is for a test as a whole, on a machine with other work.
    ...['--testTimeout', '120000'],
    ...given.filter((argument) => argument !== SCREENSHOTS),
  ],
  {
    cwd: ROOT,
    stdio: 'inherit',
    env: {
      ...process.env,
      CHROMIUM_BINARY,
      ...(given.includes(SCREENSHOTS) ? { [SCREENSHOTS_VARIABLE]: '1' } : {}),
    },
  },
);
child.on('exit', (code) => {
  process.exitCode = code ?? 1;
});
