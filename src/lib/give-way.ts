import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';

/**
 * In a thread beside the one that serves: lets that one go first where cores are few. Linux has a priority for each thread;
 * elsewhere, and where `/proc` is not there, nothing changes.
 */
export function giveWay(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (Number.isInteger(thread) && thread !== process.pid)
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // The work is as quick as it ever is, and a check may wait for its turn.
  }
}
