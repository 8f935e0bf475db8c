import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface TemporaryDirectory {
  readonly path: string;
  remove(): Promise<void>;
}

/** A directory of its own; short, because a Unix socket's path inside it must stay below 108 bytes. */
export async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await mkdtemp(join(tmpdir(), 'portcullis-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
