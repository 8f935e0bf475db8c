import { describe } from '@jest/globals';
import type { TransportUnderTest } from '../support/listening.ts';
import { describeCalls } from './calls.ts';

/** What every transport does, whatever it is made of: the same cases for each implementation. */
export function describeTransport(transport: TransportUnderTest): void {
  describe(transport.name, () => {
    describeCalls(transport);
  });
}
