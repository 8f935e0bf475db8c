/**
 * The file of a Unix socket. A process that died leaves its file behind, and `bind` fails on it; a file that a living
 * process listens on, or one that is no socket at all, is somebody's and stays.
 */
import { lstat, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { ListenError } from './transport.ts';

/** Makes room for a socket at `path`. Throws {@link ListenError} when there is something that must not be removed. */
export async function clearStaleSocket(path: string): Promise<void> {
  let file;
  try {
    file = await lstat(path);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw new ListenError('address-not-usable', `cannot listen on \`unix:${path}\`: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (!file.isSocket()) {
    throw new ListenError('not-a-socket', `cannot listen on \`unix:${path}\`: there is a file that is no socket`);
  }
  if (!(await isAbandoned(path))) {
    throw new ListenError('address-in-use', `cannot listen on \`unix:${path}\`: another process listens there`);
  }
  await unlink(path).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return;
    throw new ListenError('address-not-usable', `cannot remove the old socket at \`${path}\`: ${messageOf(error)}`, {
      cause: error,
    });
  });
}

/**
 * Only a refused connection proves that nobody listens. A full backlog (EAGAIN) or missing rights (EACCES) mean that
 * somebody may.
 */
function isAbandoned(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => {
      const code = codeOf(error);
      resolve(code === 'ECONNREFUSED' || code === 'ENOENT');
    });
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

function messageOf(error: unknown): string {
  return (error as Error).message;
}
