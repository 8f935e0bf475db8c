import { describe } from '@jest/globals';
import type { TransportUnderTest } from '../support/listening.ts';
import { describeCalls } from './calls.ts';
import { describeCounts } from './counts.ts';
import { describeHandedOver } from './handed-over.ts';
import { describeHealth } from './health.ts';
import { describeLeaving } from './leaving.ts';
import { describeListeners } from './listeners.ts';
import { describeRotation } from './rotation.ts';
import { describeTls } from './tls.ts';

/** What every transport does, whatever it is made of: the same cases for each implementation. */
export function describeTransport(transport: TransportUnderTest): void {
  describe(transport.name, () => {
    describeListeners(transport);
    describeCalls(transport);
    describeHealth(transport);
    describeTls(transport);
    describeRotation(transport);
    describeLeaving(transport);
    describeCounts(transport);
    describeHandedOver(transport);
  });
}
