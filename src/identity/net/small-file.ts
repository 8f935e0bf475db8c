/** Small files of the settings: authorities, tokens, secrets. Read when they are used, so that a new one counts. */
import { createReadStream } from 'node:fs';
import { FetchError, codeOf } from './fetch-error.ts';

/** A bundle of all public authorities is a quarter of this. */
const MAX_FILE_BYTES = 1024 * 1024;

/** Tokens of service accounts are 1 to 2 KiB; Node's own servers take 16 KiB of headers. */
const MAX_SECRET_LENGTH = 16 * 1024;

/** Throws a {@link FetchError} that names what the file is for, and never what is in it. */
export async function readSmallFile(path: string, what: string): Promise<string> {
  try {
    const chunks: Buffer[] = [];
    // One byte more than may be, and never the size that the file system tells: a pipe has none.
    for await (const chunk of createReadStream(path, { end: MAX_FILE_BYTES })) chunks.push(chunk as Buffer);
    const bytes = Buffer.concat(chunks);
    if (bytes.length > MAX_FILE_BYTES) throw new FetchError('file', `${what}: the file is too long`);
    return bytes.toString('utf8');
  } catch (error) {
    if (error instanceof FetchError) throw error;
    throw new FetchError('file', `${what}: ${codeOf(error)}`);
  }
}

/** One line of visible ASCII; a line break at its end is an editor's. */
export async function readSecret(path: string, what: string): Promise<string> {
  const secret = (await readSmallFile(path, what)).replace(/\r?\n$/, '');
  if (secret.length > MAX_SECRET_LENGTH) throw new FetchError('file', `${what}: the file is too long`);
  if (!/^[\x21-\x7e]+$/.test(secret))
    throw new FetchError('file', `${what}: the file must hold one line of visible ASCII`);
  return secret;
}
