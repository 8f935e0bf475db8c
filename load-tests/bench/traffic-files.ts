/** Requests and their policies, on disk for the servers and the generator. */
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeRequests } from '../generator/request-file.ts';
import { makeTraffic } from '../generator/requests.ts';
import type { TrafficOptions } from '../generator/requests.ts';

export interface TrafficFiles {
  readonly directory: string;
  readonly policies: string;
  readonly requestsFile: string;
  /** What they are, in a few words. */
  readonly about: string;
  remove(): void;
}

/** In memory where there is such a file system, so that no disk is measured. */
export function writeTraffic(options: TrafficOptions): TrafficFiles {
  const directory = mkdtempSync(join(hasMemoryFiles() ? '/dev/shm' : tmpdir(), 'portcullis-bench-'));
  const { policies, requests, questions } = makeTraffic(options);
  const policiesDirectory = join(directory, 'policies');
  mkdirSync(policiesDirectory);
  writeFileSync(join(policiesDirectory, 'shop.yaml'), policies);
  const requestsFile = join(directory, 'requests.bin');
  writeRequests(requestsFile, requests);
  const bytes = requests.reduce((sum, request) => sum + request.bytes.length, 0) / requests.length;
  return {
    directory,
    policies: policiesDirectory,
    requestsFile,
    about:
      `${options.rules} rules; ${requests.length} requests (shape ${options.shape}, ${bytes.toFixed(0)} bytes on average, ` +
      `${questions} different questions by Zipf's law, ${(options.denied * 100).toFixed(0)} % to be denied), seed ${options.seed}`,
    remove: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function hasMemoryFiles(): boolean {
  try {
    return statSync('/dev/shm').isDirectory();
  } catch {
    return false;
  }
}
