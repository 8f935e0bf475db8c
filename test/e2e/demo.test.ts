import { fileURLToPath } from 'node:url';
import { describe, expect, it, jest } from '@jest/globals';

import { startChild } from './support/child-process.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

const DEMO = fileURLToPath(new URL('demo/main.ts', import.meta.url));

describe('the demo', () => {
  it('asks everything with --once, as expected, and leaves with 0', async () => {
    const demo = startChild({ name: 'demo', command: process.execPath, args: [DEMO, '--once'] });
    const { code } = await demo.exited;
    const rows = demo.stdoutLines().filter((line) => /^[✓✗] /.test(line));
    expect(rows.filter((row) => row.startsWith('✗'))).toEqual([]);
    expect(rows.length).toBeGreaterThanOrEqual(20);
    // People and automation, good proofs and bad ones.
    for (const what of ['platform/production ', 'platform/contractors ', 'token_required', 'invalid_token (']) {
      expect(rows.filter((row) => row.includes(what)).length).toBeGreaterThan(0);
    }
    expect({ code, output: demo.output() }).toMatchObject({ code: 0 });
  }, 60_000);
});
