/**
 * The last good set on disk, so that a restart while the source is broken serves it.
 *
 * The file is a line of JSON that says what follows, and the flat snapshot. Whoever can write it decides what is
 * allowed, as with the policies themselves; the digest finds what was cut off or damaged, not what was forged.
 */
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { NotFlat } from '../policy-index/flat/format.ts';
import { openSnapshot } from '../policy-index/snapshot.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import type { DecisionSettings } from '../policy-index/settings.ts';

const FILE = 'last-good-policies.bin';
const VERSION = 1;
/** The first line is far shorter. */
const MAX_HEAD_BYTES = 4096;
/** So much is written at once: the disk's thread does it, and copying it costs this one little. */
const CHUNK_BYTES = 1024 * 1024;

interface Head {
  readonly portcullis: number;
  readonly revision: string;
  /** SHA-256 of what follows. */
  readonly digest: string;
  /** SHA-256 of where it comes from and the settings with which it was built. */
  readonly settings: string;
  readonly keptAt: string;
}

/** Something is there, and cannot be served. */
export class UnusableSet extends Error {
  override readonly name = 'UnusableSet';
}

export class KeptSet {
  readonly #directory: string;
  readonly #origin: string;
  readonly #settings: DecisionSettings;
  #keeping: Promise<void> = Promise.resolve();

  /** `origin`: what the set is made from; another service's may be beside it. */
  constructor(directory: string, origin: string, settings: DecisionSettings) {
    this.#directory = directory;
    this.#origin = origin;
    this.#settings = settings;
  }

  get path(): string {
    return join(this.#directory, FILE);
  }

  /**
   * null: nothing is kept.
   *
   * @throws {@link UnusableSet}
   */
  async restore(): Promise<PolicySnapshot | null> {
    let content: Buffer;
    try {
      content = await readFile(this.path);
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return null;
      throw new UnusableSet(`it cannot be read: ${(cause as Error).message}`, { cause });
    }
    const end = content.subarray(0, MAX_HEAD_BYTES).indexOf('\n');
    const head = end < 0 ? null : headOf(content.toString('utf8', 0, end));
    if (head === null) throw new UnusableSet('it does not begin as a kept set');
    const body = content.subarray(end + 1);
    if (createHash('sha256').update(body).digest('hex') !== head.digest)
      throw new UnusableSet('it was cut off or damaged: its digest is another');
    if (head.settings !== this.#made())
      throw new UnusableSet('it was made from other files or with other settings, with which it may decide otherwise');
    const buffer = new SharedArrayBuffer(body.length);
    new Uint8Array(buffer).set(body);
    try {
      return openSnapshot(buffer, this.#settings);
    } catch (cause) {
      if (!(cause instanceof NotFlat)) throw cause;
      throw new UnusableSet(cause.message, { cause });
    }
  }

  /** One text for where it comes from and everything that decides besides. */
  #made(): string {
    return createHash('sha256')
      .update(JSON.stringify([this.#origin, this.#settings]))
      .digest('hex');
  }

  /** In place of what was kept; a crash leaves one of the two. One after the other, in the order of the calls. */
  keep(snapshot: PolicySnapshot, digest: string): Promise<void> {
    const kept = this.#keeping.then(() => this.#write(snapshot, digest));
    this.#keeping = kept.catch(() => undefined);
    return kept;
  }

  async #write({ revision, buffer }: PolicySnapshot, digest: string): Promise<void> {
    const head: Head = {
      portcullis: VERSION,
      revision,
      digest,
      settings: this.#made(),
      keptAt: new Date().toISOString(),
    };
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const aside = `${this.path}.${randomBytes(6).toString('hex')}`;
    const file = await open(aside, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify(head)}\n`);
      for (let at = 0; at < buffer.byteLength; at += CHUNK_BYTES) {
        const chunk = Buffer.from(buffer, at, Math.min(CHUNK_BYTES, buffer.byteLength - at));
        await file.writeFile(Buffer.from(chunk));
      }
      await file.sync();
      await file.close();
      await rename(aside, this.path);
    } catch (cause) {
      await file.close().catch(() => undefined);
      await unlink(aside).catch(() => undefined);
      throw cause;
    }
  }
}

function headOf(line: string): Head | null {
  let head: unknown;
  try {
    head = JSON.parse(line);
  } catch {
    return null;
  }
  if (head === null || typeof head !== 'object') return null;
  const { portcullis, revision, digest, settings, keptAt } = head as Record<string, unknown>;
  return portcullis === VERSION && [revision, digest, settings, keptAt].every((text) => typeof text === 'string')
    ? (head as Head)
    : null;
}
