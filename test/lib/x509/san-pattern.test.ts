import { describe, expect, it } from '@jest/globals';
import { matchesSan } from '../../../src/lib/x509/san-pattern.ts';

const uri = (value: string) => ({ kind: 'uri', value }) as const;
const dns = (value: string) => ({ kind: 'dns', value }) as const;

describe('a SAN pattern', () => {
  it.each([
    ['spiffe://td/ns/a/sa/b', uri('spiffe://td/ns/a/sa/b')],
    ['spiffe://td/*', uri('spiffe://td/ns/a/sa/b')],
    ['*', uri('https://example.com')],
    ['dns:a.example.com', dns('A.Example.com')],
    ['dns:*.example.com', dns('a.example.com')],
  ])('%s matches %j', (pattern, san) => {
    expect(matchesSan(pattern, san)).toBe(true);
  });

  it.each([
    ['spiffe://td/ns/a/sa/b', uri('spiffe://td/ns/a/sa/bc')],
    ['spiffe://td/ns/a/sa/b', uri('SPIFFE://td/ns/a/sa/b')],
    ['spiffe://td/*', uri('spiffe://td2/x')],
    ['spiffe://td/*', dns('spiffe://td/x')],
    ['*', dns('a.example.com')],
    ['a.example.com', dns('a.example.com')],
    ['dns:a.example.com', uri('a.example.com')],
    ['dns:a.example.com', dns('a.example.com.evil.com')],
    ['dns:*.example.com', dns('example.com')],
    ['dns:*.example.com', dns('.example.com')],
    ['dns:*.example.com', dns('a.b.example.com')],
    ['dns:*.example.com', dns('aexample.com')],
    ['dns:*.example.com', dns('com')],
  ])('%s does not match %j', (pattern, san) => {
    expect(matchesSan(pattern, san)).toBe(false);
  });
});
