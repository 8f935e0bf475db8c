import { describe, expect, it } from '@jest/globals';
import { setImmediate as turn } from 'node:timers/promises';
import { MAX_REVOCATIONS } from '../../../src/identity/revocation/revocation-list.ts';
import { RevocationSource } from '../../../src/identity/revocation/source.ts';
import { FakeClock } from '../net/fake-clock.ts';
import { SILENT } from '../support/identity.ts';

const SETTINGS = { file: null, url: 'https://revoked.example/', refreshSeconds: 10, required: true };

function listOf(count: number): Buffer {
  const entries = Array.from({ length: count }, (_, index) => ({ iss: 'https://issuer.example', jti: `t${index}` }));
  return Buffer.from(JSON.stringify({ revoked: entries }));
}

describe('RevocationSource', () => {
  it('reads a long list while other things go on, under the list that was', async () => {
    const clock = new FakeClock();
    const answers = [listOf(1), listOf(MAX_REVOCATIONS)];
    const source = new RevocationSource({
      settings: SETTINGS,
      fetch: () => Promise.resolve(answers.shift()!),
      clock,
      log: SILENT,
    });
    while (source.status()!.state === 'none') await turn();
    const first = source.list;
    expect(first.size).toBe(1);
    clock.advance(11_000);
    let turns = 0;
    for (; source.list === first; turns++) await turn();
    expect(source.list.size).toBe(MAX_REVOCATIONS);
    expect(
      source.list.isRevoked(
        new Map([
          ['iss', 'https://issuer.example'],
          ['jti', 't99999'],
        ]),
        0,
      ),
    ).toBe(true);
    // All at once it is a turn or two.
    expect(turns).toBeGreaterThan(5);
    source.close();
  });

  it('stops reading when it is closed', async () => {
    const warned: unknown[] = [];
    const warn = (fields: unknown): void => void warned.push(fields);
    const bytes = listOf(MAX_REVOCATIONS);
    const open = (): RevocationSource =>
      new RevocationSource({
        settings: SETTINGS,
        fetch: () => Promise.resolve(bytes),
        clock: new FakeClock(),
        log: { ...SILENT, warn },
      });
    const [closed, other] = [open(), open()];
    await turn();
    closed.close();
    while (!other.isReady) await turn();
    for (let i = 0; i < 100; i++) await turn();
    expect(closed.list.size).toBe(0);
    expect(closed.isReady).toBe(false);
    expect(warned).toEqual([]);
    other.close();
  });
});
