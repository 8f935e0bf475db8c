/** What {@link ./flooded-process.ts} and those who flood it agree on. */
import type { CheckService } from '../../../src/extauthz/service.ts';

export const CHECK = '/envoy.service.auth.v3.Authorization/Check';
export const MAX_WAITING = 50;

export interface Seen {
  /** Bytes in use after garbage was collected. */
  readonly left: number;
  /** Most bytes of the process since the last time this was asked. */
  readonly peak: number;
  readonly load: CheckService['load'];
  /** Most checks that waited at once. */
  readonly mostWaiting: number;
  readonly reasons: Readonly<Record<string, number>>;
}
