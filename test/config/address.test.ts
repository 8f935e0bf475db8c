import { describe, expect, it } from '@jest/globals';
import { formatTcpAddress, isLoopbackHost, parseTcpAddress, parseUnixAddress } from '../../src/config/address.ts';

describe('HOST:PORT', () => {
  it.each([
    ['127.0.0.1:9191', { host: '127.0.0.1', port: 9191 }],
    ['0.0.0.0:0', { host: '0.0.0.0', port: 0 }],
    ['[::1]:65535', { host: '::1', port: 65535 }],
    ['pdp.example.org:80', { host: 'pdp.example.org', port: 80 }],
  ])('%s', (text, address) => {
    expect(parseTcpAddress(text)).toEqual(address);
    expect(formatTcpAddress(address)).toBe(text);
  });

  it.each([
    '',
    ':9191',
    '9191',
    '127.0.0.1',
    '127.0.0.1:',
    '127.0.0.1:65536',
    '127.0.0.1:-1',
    '::1:80',
    '[::1]',
    '[x]:1',
    'a b:1',
    'a:1 ',
    'unix:/x',
  ])('is not %j', (text) => {
    expect(parseTcpAddress(text)).toBeNull();
  });
});

describe('unix:PATH', () => {
  it('is a path that a socket address can hold', () => {
    expect(parseUnixAddress('unix:/run/x.sock')).toBe('/run/x.sock');
    expect(parseUnixAddress('unix:x.sock')).toBe('x.sock');
    expect(parseUnixAddress(`unix:/${'x'.repeat(106)}`)).not.toBeNull();
    expect(parseUnixAddress(`unix:/${'x'.repeat(107)}`)).toBeNull();
    expect(parseUnixAddress('unix:')).toBeNull();
    expect(parseUnixAddress('unix:a\0b')).toBeNull();
    expect(parseUnixAddress('/run/x.sock')).toBeNull();
  });
});

describe('loopback', () => {
  it.each(['127.0.0.1', '127.255.1.2', '::1', '0:0:0:0:0:0:0:1', '0000:0:0:0:0:0:0:0001', 'localhost'])(
    'is %s',
    (host) => {
      expect(isLoopbackHost(host)).toBe(true);
    },
  );
  it.each([
    '0.0.0.0',
    '::',
    '10.0.0.1',
    '::2',
    '::ffff:10.0.0.1',
    'localhost.example.org',
    '127.example.org',
    '1:0:0:0:0:0:0:1',
  ])('is not %s', (host) => {
    expect(isLoopbackHost(host)).toBe(false);
  });
});
