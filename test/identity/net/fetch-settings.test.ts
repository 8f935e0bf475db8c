import { describe, expect, test } from '@jest/globals';
import { DEFAULT_FETCH_SETTINGS, settingsByUrl } from '../../../src/identity/net/fetch-settings.ts';

const target = (url: string, timeoutMs: number) => ({ ...DEFAULT_FETCH_SETTINGS, url, timeoutMs });

describe('the settings of a URL', () => {
  const settingsFor = settingsByUrl(
    [target('https://a.example', 1), target('https://a.example/realms/x', 2), target('http://b.example:8080/k/', 3)],
    { ...DEFAULT_FETCH_SETTINGS, timeoutMs: 9 },
  );
  test.each([
    ['https://a.example/', 1],
    ['https://A.EXAMPLE:443/keys?x=1', 1],
    ['https://a.example/realms/xy', 1],
    ['https://a.example/realms/x', 2],
    ['https://a.example/realms/x/keys', 2],
    ['http://b.example:8080/k/keys', 3],
    // A prefix of the text is no prefix of the URL.
    ['https://a.example.evil.example/', 9],
    ['https://a.example@evil.example/', 9],
    ['https://a.example:8443/', 9],
    ['http://a.example/', 9],
    ['http://b.example:8080/keys', 9],
    ['http://b.example:8080/k/../keys', 9],
    ['https://a.example/realms/x/../y', 1],
  ])('%s has those of target %i', (url, timeoutMs) => {
    expect(settingsFor(new URL(url)).timeoutMs).toBe(timeoutMs);
  });
});
