/** The thread that reads policies: parses, validates and hashes them, and hands the set over in slices. */
import { parentPort, workerData } from 'node:worker_threads';
import { loadPolicySet } from '../policy/load.ts';
import { revisionOf } from '../policy-index/revision.ts';
import type { FromWorker, LoadTask, ToWorker } from './load-messages.ts';
import { partsOf, slicesOf } from './set-parts.ts';
import type { PolicyFile } from './sources/policy-source.ts';

const { language, fingerprint } = workerData as LoadTask;
const files: PolicyFile[] = [];
let answers: Generator<FromWorker> | null = null;

function* read(): Generator<FromWorker> {
  const { set, diagnostics } = loadPolicySet(files, language);
  for (const parts of slicesOf(partsOf(set, diagnostics))) yield { kind: 'slice', parts };
  yield { kind: 'end', revision: set === null ? null : revisionOf(set, fingerprint) };
}

parentPort?.on('message', (message: ToWorker) => {
  if (message.kind === 'file') {
    files.push(message.file);
    return;
  }
  answers ??= read();
  const answer = answers.next();
  if (answer.done !== true) parentPort?.postMessage(answer.value);
});
