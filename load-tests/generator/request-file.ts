/**
 * Requests on disk: each message behind its length (four bytes, most significant first), and beside it `FILE.expect`, in which
 * a `1` or `0` for each says whether it must be allowed.
 */
import { readFileSync, writeFileSync } from 'node:fs';

export interface Request {
  /** A CheckRequest. */
  readonly bytes: Buffer;
  /** What must be answered; null: not known. */
  readonly allowed: boolean | null;
}

export function writeRequests(file: string, requests: readonly Request[]): void {
  const parts = requests.flatMap(({ bytes }) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    return [length, bytes];
  });
  writeFileSync(file, Buffer.concat(parts));
  writeFileSync(
    expectFile(file),
    requests.map(({ allowed }) => (allowed === null ? '?' : allowed ? '1' : '0')).join(''),
  );
}

export function readRequests(file: string): Request[] {
  const bytes = readFileSync(file);
  const expected = readIfThere(expectFile(file));
  const requests: Request[] = [];
  for (let at = 0; at < bytes.length;) {
    const start = at + 4;
    const end = start + (start <= bytes.length ? bytes.readUInt32BE(at) : Number.POSITIVE_INFINITY);
    if (end > bytes.length) throw new Error(`${file} is cut off behind ${requests.length} requests`);
    const answer = expected?.[requests.length];
    const allowed = answer === '1' ? true : answer === '0' ? false : null;
    requests.push({ bytes: bytes.subarray(start, end), allowed });
    at = end;
  }
  if (requests.length === 0) throw new Error(`${file} has no requests`);
  return requests;
}

function expectFile(file: string): string {
  return `${file}.expect`;
}

function readIfThere(file: string): string | null {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return null;
  }
}
