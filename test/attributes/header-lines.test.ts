import { describe, expect, it } from '@jest/globals';
import { MAX_JOINED_WORK, joinedHeader, joinedParts } from '../../src/attributes/header-lines.ts';

describe('a joined header', () => {
  it('may be anything when taking it apart would be too much work', () => {
    const many = 'a,'.repeat(1000);
    expect(joinedParts(many)).toBeNull();
  });

  it('is taken apart up to a bound of work, whether that comes of many parts or of long ones', () => {
    const length = (parts: number): number => Math.floor(MAX_JOINED_WORK / parts ** 2);
    for (const parts of [2, 20, 60]) {
      const short = ','.repeat(parts - 1).padEnd(length(parts), 'x');
      expect(joinedParts(short)).toHaveLength(parts);
      expect(joinedParts(`${short}x`)).toBeNull();
    }
  });
});

describe('a value in the headers map', () => {
  it('without a comma was one line', () => {
    expect(joinedHeader('x-a', 'b')).toEqual({ form: 'exact', lines: ['b'] });
  });

  it('with a comma is open', () => {
    expect(joinedHeader('x-a', 'b,c')).toEqual({ form: 'joined', value: 'b,c' });
  });

  it.each(['accept', 'user-agent', 'authorization', 'x-forwarded-for', 'x-request-id', ':authority', ':path'])(
    'is one line for %s, which Envoy joins itself or has once',
    (name) => {
      expect(joinedHeader(name, 'b,c')).toEqual({ form: 'exact', lines: ['b,c'] });
    },
  );

  it.each(['cookie', 'accept-encoding', 'x-forwarded-fo', 'x-user'])('is open for %s', (name) => {
    expect(joinedHeader(name, 'b,c').form).toBe('joined');
  });
});
