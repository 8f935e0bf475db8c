import { describe, expect, it } from '@jest/globals';
import { hash } from 'node:crypto';
import { parseJws } from '../../../src/identity/jwt/jws.ts';
import { readToken } from '../../../src/identity/jwt/token-reading.ts';
import { encoded } from './support/issuer.ts';

/** A text of its own each time, as each request has it. */
const numbered = (index: number): string => `${encoded({ alg: 'ES256' })}.${encoded({ index })}.AAAA`;

describe('readToken', () => {
  it('reads a token once while it is among the last few', () => {
    const first = readToken(numbered(0));
    const { jws, digest } = first;
    expect(jws).toEqual(parseJws(numbered(0)));
    expect(digest).toBe(hash('sha256', numbered(0), 'base64url'));
    for (let index = 1; index < 4; index++) {
      expect(readToken(numbered(index)).jws).toEqual(parseJws(numbered(index)));
      expect(readToken(numbered(0)).jws).toBe(jws);
    }
    expect(readToken(numbered(0))).toBe(first);
  });

  it('takes no token for another of the same length', () => {
    for (let index = 10; index < 30; index++) {
      expect(readToken(numbered(index)).jws).toEqual(parseJws(numbered(index)));
      expect(readToken(`${numbered(index).slice(0, -4)}AAAB`).digest).not.toBe(readToken(numbered(index)).digest);
    }
  });

  it('holds no more than a few', () => {
    const first = readToken(numbered(0));
    for (let index = 1; index <= 4; index++) readToken(numbered(index));
    expect(readToken(numbered(0))).not.toBe(first);
  });

  it('holds none that is too long', () => {
    const long = `${numbered(0)}${'A'.repeat(16 * 1024)}`;
    const reading = readToken(long);
    expect(reading.jws).toBe('the token is too long');
    expect(readToken(long)).not.toBe(reading);
  });
});
