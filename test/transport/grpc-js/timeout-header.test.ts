import { describe, expect, it } from '@jest/globals';
import { dropEndlessTimeout } from '../../../src/transport/grpc-js/timeout-header.ts';

describe('dropEndlessTimeout', () => {
  it.each(['597H', '35792M', '2147484S', '99999999H'])('drops %s', (timeout) => {
    const headers = { 'grpc-timeout': timeout, te: 'trailers' };
    dropEndlessTimeout(headers);
    expect(headers).toEqual({ te: 'trailers' });
  });

  it.each(['596H', '35791M', '2147483S', '99999999m', '99999999u', '99999999n', '0S', '200m', '', 'S', 'xS', '1'])(
    'keeps %j',
    (timeout) => {
      const headers = { 'grpc-timeout': timeout };
      dropEndlessTimeout(headers);
      expect(headers).toEqual({ 'grpc-timeout': timeout });
    },
  );
});
