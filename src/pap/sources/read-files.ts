/** Reads policy files as they were at one moment, or says that there was no such moment. */
import { isUtf8 } from 'node:buffer';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Diagnostic } from '../../lib/diagnostic.ts';
import { isPolicyFileName } from './file-names.ts';
import { PolicyFile } from './policy-source.ts';
import type { PolicyFiles } from './policy-source.ts';
import { isGone, pathProblem, unreadable } from './problem.ts';
import { fingerprint, scan } from './scan.ts';
import type { Scan, ScannedFile } from './scan.ts';

const MIB = 1024 * 1024;

export interface ReadLimits {
  /** 100,000 rules are about 30 MiB of YAML; a file above twice that is no policy. */
  readonly maxFileBytes: number;
  /** All files together: what parsing needs is a multiple of this. */
  readonly maxTotalBytes: number;
}

export const READ_LIMITS: ReadLimits = Object.freeze({ maxFileBytes: 64 * MIB, maxTotalBytes: 256 * MIB });

/** A pass takes milliseconds and a writer is done soon: five passes with growing pauses are most of a second. */
const MAX_PASSES = 5;
const PAUSE_MS = 30;

export interface Reading extends PolicyFiles {
  /** What it was read from. */
  readonly scan: Scan;
}

/**
 * Reads all files below `paths` whose names are `wanted`. When something changed meanwhile, all is read
 * again; when it never rests, the result says so in a `changing-files` error. Never rejects.
 */
export async function readPolicyFiles(
  paths: readonly string[],
  wanted: (name: string) => boolean = isPolicyFileName,
  limits: ReadLimits = READ_LIMITS,
): Promise<Reading> {
  for (let pass = 1; ; pass++) {
    const before = await scan(paths, wanted);
    const read = before.steady ? await readScanned(before, limits) : null;
    if (read !== null) {
      const after = await scan(paths, wanted);
      if (after.steady && after.digest === before.digest) return read;
    }
    if (pass === MAX_PASSES) {
      return { files: [], diagnostics: [changingFiles(paths[0] ?? '.'), ...before.diagnostics], scan: before };
    }
    await sleep(PAUSE_MS * pass);
  }
}

export function changingFiles(path: string): Diagnostic {
  const hint = 'wait for whatever writes there, or look for a program that writes policies in a loop';
  return pathProblem('changing-files', path, 'the policy files keep changing while they are read', hint);
}

/** Reads what a scan found; null when any of it is no longer as it was found. */
export async function readScanned(found: Scan, limits: ReadLimits = READ_LIMITS): Promise<Reading | null> {
  const files: PolicyFile[] = [];
  const diagnostics = [...found.diagnostics];
  let totalBytes = 0;
  for (const file of found.files) {
    const result = await readFile(file, Math.min(limits.maxFileBytes, limits.maxTotalBytes - totalBytes));
    if (result === null) return null;
    if (result instanceof PolicyFile) {
      totalBytes += result.bytes.length;
      files.push(result);
    } else {
      diagnostics.push(result);
      if (result.code === 'too-much-text') break;
    }
  }
  return { files, diagnostics, scan: found };
}

async function readFile(file: ScannedFile, maxBytes: number): Promise<PolicyFile | Diagnostic | null> {
  try {
    // Non-blocking: a pipe put in the file's place would otherwise wait for its writer.
    await using handle = await open(file.path, constants.O_RDONLY | constants.O_NONBLOCK);
    const before = await handle.stat({ bigint: true });
    if (fingerprint(before) !== file.fingerprint) return null;
    if (before.size > BigInt(maxBytes)) return tooMuch(file.path, maxBytes);
    const bytes = await handle.readFile();
    const after = await handle.stat({ bigint: true });
    if (fingerprint(after) !== file.fingerprint || BigInt(bytes.length) !== after.size) return null;
    return checked(file.path, bytes);
  } catch (cause) {
    return isGone(cause) ? null : unreadable(file.path, cause);
  }
}

function checked(path: string, bytes: Buffer): PolicyFile | Diagnostic {
  if (bytes.length === 0) {
    // What a writer leaves that has begun and not gone on, or a full disk: its DENY policies must not just go away.
    const hint = 'write it again, delete it, or leave a comment in it';
    return pathProblem('empty-file', path, `\`${path}\` is empty`, hint);
  }
  if (isUtf8(bytes)) return new PolicyFile(path, bytes);
  return pathProblem('not-utf-8', path, `\`${path}\` is no UTF-8 text`, 'save it as UTF-8');
}

function tooMuch(path: string, maxBytes: number): Diagnostic {
  const message = `\`${path}\` is larger than the ${maxBytes} bytes that are left for it`;
  return pathProblem('too-much-text', path, message, 'split it, or move what is no policy elsewhere');
}
