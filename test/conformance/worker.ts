/** Runs the vectors of one file in a thread of its own. */
import { parentPort, workerData } from 'node:worker_threads';
import { runVectors } from './run.ts';
import type { VectorSet } from './vectors.ts';

parentPort!.postMessage(await runVectors(workerData as readonly VectorSet[]));
