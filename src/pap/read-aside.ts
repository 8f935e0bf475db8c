/** Loads policies in a worker thread, so that this one goes on answering. */
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { getHeapStatistics } from 'node:v8';
import { Worker } from 'node:worker_threads';
import type { LoadedAside, LoadTask, ToWorker } from './load-messages.ts';
import type { PolicyFile } from './sources/policy-source.ts';

export interface ReadOptions {
  /** The file that the thread runs. */
  readonly worker: URL;
  /** For the whole of it. */
  readonly timeoutMs: number;
  readonly maxHeapMiB: number;
}

/** The compiled file has another ending, which the compiler does not write here for us. */
const WORKER = import.meta.url.endsWith('.ts')
  ? new URL('./load-worker.ts', import.meta.url)
  : new URL('./load-worker.js', import.meta.url);

/** 100,000 rules take some seconds, and many times that on a machine that is busy with other things. */
const TIMEOUT_MS = 300_000;

/** As much as the process may have without the thread. */
const MAX_HEAP_MIB = Math.ceil(getHeapStatistics().heap_size_limit / 2 ** 20);

/** The thread ended, or was ended, without a result. */
export class ReadFailure extends Error {
  readonly hint: string;

  constructor(message: string, hint: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ReadFailure';
    this.hint = hint;
  }
}

/**
 * A thread for each read: one that is kept would hold its memory for nothing, and starting it keeps nobody waiting.
 *
 * @throws {@link ReadFailure}
 * @throws the reason of `signal` once that is aborted
 */
export async function readAside(
  files: readonly PolicyFile[],
  task: LoadTask,
  signal: AbortSignal,
  { worker: file = WORKER, timeoutMs = TIMEOUT_MS, maxHeapMiB = MAX_HEAP_MIB }: Partial<ReadOptions> = {},
): Promise<LoadedAside> {
  signal.throwIfAborted();
  const worker = new Worker(file, {
    name: 'policy load',
    workerData: task,
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMiB },
  });
  const failed = new AbortController();
  worker.on('error', (cause) => failed.abort(failureOf(cause, maxHeapMiB)));
  worker.on('exit', (code) => failed.abort(new ReadFailure(`the thread that reads them ended with ${code}`, OURS)));
  const timer = setTimeout(() => failed.abort(tooLong(timeoutMs)), timeoutMs);
  const stopped = AbortSignal.any([signal, failed.signal]);
  try {
    return await converse(worker, files, stopped);
  } catch (cause) {
    stopped.throwIfAborted();
    throw cause;
  } finally {
    clearTimeout(timer);
    await worker.terminate();
  }
}

/** With a turn of the event loop after each file, which is copied to the thread here. */
async function converse(worker: Worker, files: readonly PolicyFile[], signal: AbortSignal): Promise<LoadedAside> {
  const send = (message: ToWorker): void => worker.postMessage(message);
  for (const { path, bytes } of files) {
    send({ kind: 'file', path, bytes });
    await turn();
  }
  send({ kind: 'load' });
  const [loaded] = (await once(worker, 'message', { signal })) as [LoadedAside];
  return loaded;
}

const OURS = 'this is a mistake in Portcullis; please report it with the policies that cause it';
const FEWER = 'give it fewer policies';

function tooLong(timeoutMs: number): ReadFailure {
  return new ReadFailure(`reading them took more than ${timeoutMs / 1000} seconds`, FEWER);
}

function failureOf(cause: unknown, maxHeapMiB: number): ReadFailure {
  if ((cause as { readonly code?: unknown } | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY')
    return new ReadFailure(
      `reading them took more than ${maxHeapMiB} MiB of memory`,
      `${FEWER}, or more memory: \`NODE_OPTIONS=--max-old-space-size=MiB\``,
      { cause },
    );
  return new ReadFailure(cause instanceof Error ? cause.message : String(cause), OURS, { cause });
}
