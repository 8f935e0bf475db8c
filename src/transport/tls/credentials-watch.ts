/**
 * Notices that certificate files have changed, in place or by a swapped symlink, and hands over the new ones once
 * they are good together.
 */
import { stat } from 'node:fs/promises';
import type { TlsOptions, TransportLog } from '../transport.ts';
import { CredentialsError, readCredentials } from './credentials.ts';
import type { TlsCredentials } from './credentials.ts';

export interface CredentialsWatch {
  stop(): void;
}

/**
 * Calls `use` for each good change. A bad one (half written, a key of another certificate, expired) is logged once and
 * tried again on each look, while what was handed over last stays in use.
 */
export function watchCredentials(
  options: TlsOptions,
  seen: string,
  pollMs: number,
  log: TransportLog,
  use: (credentials: TlsCredentials) => void,
): CredentialsWatch {
  let current = seen;
  let lastProblem = '';
  let stopped = false;

  const look = async (): Promise<void> => {
    // The signature is taken before the files are read: what is written in between is found by the next look.
    const signature = await credentialsSignature(options);
    if (signature === current || stopped) return;
    try {
      const credentials = await readCredentials(options, Date.now());
      if (stopped as boolean) return;
      use(credentials);
      current = signature;
      lastProblem = '';
      log('info', 'certificates reloaded', {
        certFile: options.certFile,
        expires: new Date(credentials.expiresMs).toISOString(),
      });
    } catch (error) {
      const problem = error instanceof CredentialsError ? error.message : String(error);
      if (problem !== lastProblem) log('error', 'certificates not reloaded, the last good ones stay', { problem });
      lastProblem = problem;
    }
  };

  // One look at a time: the next is planned when one has ended.
  let timer = setTimeout(tick, pollMs).unref();
  function tick(): void {
    void look().then(() => {
      if (!stopped) timer = setTimeout(tick, pollMs).unref();
    });
  }
  return {
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

/**
 * Changes whenever a file does. `stat` follows symlinks, so the swap of a directory link (`..data` of a Kubernetes
 * secret) shows as another inode; the change time shows a write that kept size and modification time.
 */
export async function credentialsSignature(options: TlsOptions): Promise<string> {
  const files = [options.certFile, options.keyFile, options.clientCaFile].filter((file) => file !== null);
  const signatures = await Promise.all(files.map(fileSignature));
  return signatures.join(' ');
}

async function fileSignature(file: string): Promise<string> {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'error';
  }
}
