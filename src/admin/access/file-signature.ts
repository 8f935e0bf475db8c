import { statSync } from 'node:fs';

/** Changes whenever the file does. Follows links, so that the swap of a Kubernetes secret shows as another inode. */
export function fileSignature(file: string): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(file, { bigint: true });
    return [dev, ino, size, mtimeNs, ctimeNs].join(':');
  } catch (cause) {
    return (cause as NodeJS.ErrnoException).code ?? 'error';
  }
}
