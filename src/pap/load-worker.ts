/** The thread that loads policies: parses, validates, compiles and indexes them, and hands over the bytes. */
import { createHash } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { loadPolicySet } from '../policy/load.ts';
import { buildFlat } from '../policy-index/flat/build.ts';
import type { LoadedAside, LoadTask, ToWorker } from './load-messages.ts';
import { PolicyFile } from './sources/policy-source.ts';
import { worstFirst } from './worst-first.ts';

const { language, decisions } = workerData as LoadTask;
const files: PolicyFile[] = [];

function load(): LoadedAside {
  const { set, diagnostics } = loadPolicySet(files, language);
  if (set === null) return { buffer: null, digest: '', diagnostics: worstFirst(diagnostics) };
  const built = buildFlat(set, decisions);
  const { buffer } = built;
  const digest = buffer === null ? '' : createHash('sha256').update(Buffer.from(buffer)).digest('hex');
  return { buffer, digest, diagnostics: worstFirst([...diagnostics, ...built.diagnostics]) };
}

giveWay();
parentPort?.on('message', (message: ToWorker) => {
  if (message.kind === 'file') files.push(new PolicyFile(message.path, message.bytes));
  else parentPort?.postMessage(load());
});

/**
 * Lets the thread that serves go first where cores are few: Linux has a priority for each thread. Elsewhere, and where
 * `/proc` is not there, nothing changes.
 */
function giveWay(): void {
  try {
    const thread = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
    if (Number.isInteger(thread) && thread !== process.pid)
      setPriority(thread, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Loading is as quick as it ever is, and a check may wait for its turn.
  }
}
