import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { normalizeHost } from '../../src/attributes/host.ts';

describe('a host', () => {
  it.each([
    ['example.com', 'example.com', null],
    ['EXAMPLE.com', 'example.com', null],
    ['example.com:8080', 'example.com', '8080'],
    ['example.com.', 'example.com', null],
    ['Example.Com.:443', 'example.com', '443'],
    ['10.0.0.1:80', '10.0.0.1', '80'],
    ['[::1]', '[::1]', null],
    ['[FE80::1]:8443', '[fe80::1]', '8443'],
    ['', '', null],
    ['a_b.svc', 'a_b.svc', null],
    ['h:0', 'h', '0'],
    ['h:65535', 'h', '65535'],
  ])('%j is %j with port %j', (authority, name, port) => {
    expect(normalizeHost(authority)).toEqual({ name, port });
  });

  it.each([
    ['user@example.com', 'userinfo'],
    ['example.com,evil.com', 'two hosts'],
    ['example.com/admin', 'a path'],
    ['example.com\\admin', 'a backslash'],
    ['example.com evil.com', 'a blank'],
    ['example.com%00', 'an escape'],
    ['example.com?x', 'a query'],
    ['example.com#x', 'a fragment'],
    ['example.com;x', 'a parameter'],
    ['a..', 'two trailing dots'],
    ['.', 'only a dot'],
    [':80', 'only a port'],
    ['example.com:', 'an empty port'],
    ['example.com:8a', 'a port that is no number'],
    ['example.com:65536', 'a port out of range'],
    ['example.com:80:80', 'two ports'],
    ['::1', 'IPv6 without brackets'],
    ['[::1', 'an open bracket'],
    ['[::1]x', 'something behind the bracket'],
    ['[::1].', 'a dot behind the bracket'],
    ['[]', 'empty brackets'],
    ['[::1%25eth0]', 'a zone'],
    ['ex\xe4mple.com', 'a byte past ASCII'],
    ['example.com\0', 'a NUL byte'],
    ['a'.repeat(301), 'more than any name'],
  ])('%j is none (%s)', (authority) => {
    expect(normalizeHost(authority)).toBeNull();
  });

  it('normalised twice is normalised once', () => {
    const near = fc.string({
      unit: fc.constantFrom('a', 'B', '9', '.', '.', ':', '[', ']', '-', '_', '@', '%', ',', '\xe4'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        fc.oneof(
          near,
          fc.domain(),
          fc.ipV6().map((text) => `[${text}]`),
        ),
        (authority) => {
          const once = normalizeHost(authority);
          if (once === null) return;
          expect(normalizeHost(once.name)).toEqual({ name: once.name, port: null });
          expect(once.name).toBe(once.name.toLowerCase());
          expect(once.name.endsWith('.')).toBe(false);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
