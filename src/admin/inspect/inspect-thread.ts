/** The thread that looks into policies for the admin server. */
import { parentPort, workerData } from 'node:worker_threads';
import { giveWay } from '../../lib/give-way.ts';
import { FlatSnapshot } from '../../policy-index/flat/flat-snapshot.ts';
import { openSnapshot } from '../../policy-index/snapshot.ts';
import { HttpError } from '../route.ts';
import { callersPage } from './callers.ts';
import { indexPrint } from './index-print.ts';
import type { FromThread, InspectorSettings, Task, ToThread } from './messages.ts';
import { policyPage } from './policy-page.ts';
import { rulePage } from './rule-page.ts';

const settings = workerData as InspectorSettings;
let buffer: SharedArrayBuffer | null = null;
/** Opened when first needed. */
let flat: FlatSnapshot | null = null;
const hits = new Map<string, number>();

giveWay();
parentPort?.on('message', (message: ToThread) => {
  switch (message.kind) {
    case 'snapshot':
      buffer = message.buffer;
      flat = null;
      break;
    case 'hits':
      if (message.first) hits.clear();
      for (const [key, count] of message.part) hits.set(key, count);
      break;
    case 'task':
      void answerOf(message.task).then(tell);
      break;
  }
});

function tell(answer: FromThread): void {
  if (answer.kind === 'done') parentPort?.postMessage(answer, [answer.body.buffer as ArrayBuffer]);
  else parentPort?.postMessage(answer);
}

async function answerOf(task: Task): Promise<FromThread> {
  try {
    const text = JSON.stringify(await valueOf(task));
    return { kind: 'done', status: 200, body: new TextEncoder().encode(text) };
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const { status, code, message } = error;
    return { kind: 'refused', status, code, message };
  }
}

async function valueOf(task: Task): Promise<unknown> {
  if (buffer === null) throw new HttpError(503, 'not-ready', 'there are no policies yet');
  switch (task.kind) {
    case 'explainPosted':
    case 'explainKept': {
      const snapshot = openSnapshot(buffer, settings.decisions);
      // What reads protobuf takes most of the time to start with, and lists do without.
      const { explainKept, explainPosted } = await import('./explain.ts');
      return task.kind === 'explainKept'
        ? explainKept(task, snapshot, settings)
        : explainPosted(task, snapshot, settings);
    }
    default:
      flat ??= new FlatSnapshot(buffer, settings.decisions);
  }
  switch (task.kind) {
    case 'policies':
      return policyPage(flat, task, hits, settings.decisions.rootNamespace);
    case 'rules':
      return rulePage(flat, task, hits);
    case 'callers':
      return callersPage(flat, task, hits, settings.decisions);
    case 'index':
      return indexPrint(flat, task.workload, settings.decisions.rootNamespace);
  }
}
