import { describe, expect, test } from '@jest/globals';
import { DEFAULT_FETCH_SETTINGS, settingsByUrl } from '../../../src/identity/net/fetch-settings.ts';

const target = (url: string, timeoutMs: number) => ({ ...DEFAULT_FETCH_SETTINGS, url, timeoutMs });

describe('the settings of a URL', () => {
  const settingsFor = settingsByUrl(
    [
      target('https://a.example', 1),
      target('https://a.example/realms/x', 2),
      target('http://b.example:8080/k/', 3),
      target('https://a.example/own%2fpath', 4),
    ],
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
    ['https://a.example/realms/x/%2e%2E/y', 1],
    // What some servers take for a way out.
    ['https://a.example/realms/x/..%2fy', 9],
    ['https://a.example/realms/x/..%2F..%2Fadmin/keys', 9],
    ['https://a.example/realms/x/..%5cy', 9],
    ['https://a.example/realms/x/keys%2F..%2f..%2fy', 9],
    ['https://a.example/realms/x/%2e%2e%2fy', 9],
    ['https://a.example/realms/x/%252e%252e/y', 9],
    ['https://a.example/realms/x/..;/y', 9],
    ['https://a.example/realms/x/keys/.;a=b/y', 9],
    ['https://a.example/..%2fy', 9],
    // And what none does.
    ['https://a.example/realms/x/%20..a/..b;c', 2],
    ['https://a.example/realms/x?url=..%2fy', 2],
    ['https://a.example/own%2fpath', 4],
    ['https://a.example/own%2fpath/keys', 4],
  ])('%s has those of target %i', (url, timeoutMs) => {
    expect(settingsFor(new URL(url)).timeoutMs).toBe(timeoutMs);
  });
});
