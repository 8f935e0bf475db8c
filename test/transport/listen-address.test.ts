import { describe, expect, it } from '@jest/globals';
import { formatBoundAddress, parseListenAddress } from '../../src/transport/listen-address.ts';

describe('parseListenAddress', () => {
  it.each([
    ['127.0.0.1:9191', { kind: 'tcp', host: '127.0.0.1', port: 9191 }],
    ['localhost:0', { kind: 'tcp', host: 'localhost', port: 0 }],
    ['[::]:65535', { kind: 'tcp', host: '::', port: 65535 }],
    ['unix:/run/portcullis.sock', { kind: 'unix', path: '/run/portcullis.sock' }],
    ['unix:relative.sock', { kind: 'unix', path: 'relative.sock' }],
    [`unix:/${'x'.repeat(106)}`, { kind: 'unix', path: `/${'x'.repeat(106)}` }],
  ])('reads %s, and writes it as it was', (text, address) => {
    expect(parseListenAddress(text)).toEqual(address);
    expect(formatBoundAddress(parseListenAddress(text), null)).toBe(text);
  });

  it.each([
    ['', 'write HOST:PORT or unix:PATH'],
    [':9191', 'write HOST:PORT or unix:PATH'],
    ['host:', 'write HOST:PORT or unix:PATH'],
    ['host:-1', 'write HOST:PORT or unix:PATH'],
    ['host:65536', 'write HOST:PORT or unix:PATH'],
    ['host:0x10', 'write HOST:PORT or unix:PATH'],
    ['::1:80', 'an IPv6 address stands in brackets'],
    ['[::g]:80', 'there is no IPv6 address in the brackets'],
    ['unix:', 'the path is missing'],
    ['unix:/a\0b', 'the path has a NUL byte'],
    [`unix:/${'é'.repeat(54)}`, "the path is 109 bytes long, a Unix socket's may be 107"],
  ])('says what is wrong with %j', (text, why) => {
    expect(() => parseListenAddress(text)).toThrow(`cannot listen on \`${text}\`: ${why}`);
  });

  it('writes the port that was bound', () => {
    const bound = { address: '::', family: 'IPv6', port: 1234 };
    expect(formatBoundAddress({ kind: 'tcp', host: '::', port: 0 }, bound)).toBe('[::]:1234');
  });
});
