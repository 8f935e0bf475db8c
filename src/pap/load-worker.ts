/** The thread that loads policies: parses, validates, compiles and indexes them, and hands over the bytes. */
import { createHash } from 'node:crypto';
import { parentPort, workerData } from 'node:worker_threads';
import { giveWay } from '../lib/give-way.ts';
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
