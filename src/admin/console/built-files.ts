/** The files of the console as Vite built them, read once: whoever asks for one never makes this process read a file. */
import { readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface BuiltFile {
  /** Below `/console/`. */
  readonly path: string;
  readonly contentType: string;
  readonly body: Uint8Array;
  /** Its name holds a hash of its content. */
  readonly isImmutable: boolean;
}

/** From the sources as from `dist/` it is the same folder: both lie equally deep in the checkout. */
const FOLDER = fileURLToPath(new URL('../../../dist/console/', import.meta.url));

/** Below it Vite puts what it gives a hashed name. */
const ASSETS = 'assets';

/** The page has one script, one style sheet and a picture or two. */
const MAX_FILES = 64;
/** The page has about a hundred kilobytes. */
const MAX_BYTES = 8 * 1024 * 1024;

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** null: it was not built. Throws when what is there is no console. */
export function readBuiltFiles(folder: string = FOLDER): readonly BuiltFile[] | null {
  const paths = ['index.html', ...namesIn(join(folder, ASSETS)).map((name) => `${ASSETS}/${name}`)];
  if (!namesIn(folder).includes('index.html')) return null;
  if (paths.length > MAX_FILES) throw new Error(`${folder} holds ${paths.length} files: that is not the console`);
  let bytes = 0;
  return paths.map((path) => {
    const contentType = CONTENT_TYPES[extname(path)];
    if (contentType === undefined) throw new Error(`${folder} holds \`${path}\`, which is no file of the console`);
    const body = readFileSync(join(folder, path));
    bytes += body.length;
    if (bytes > MAX_BYTES) throw new Error(`${folder} holds more than ${MAX_BYTES} bytes: that is not the console`);
    return { path, contentType, body, isImmutable: path !== 'index.html' };
  });
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).sort();
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw cause;
  }
}
