/** Where the revocation list is, and the last good one of it. */
import { webcrypto } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { runStepsInSlices } from '../../lib/steps.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Clock } from '../net/clock.ts';
import { FetchError, codeOf } from '../net/fetch-error.ts';
import type { Fetch } from '../net/guarded-fetch.ts';
import { RevocationError, RevocationList } from './revocation-list.ts';

export interface RevocationSettings {
  /** Neither: nothing is ever revoked. `file` where both are there. */
  readonly file: string | null;
  readonly url: string | null;
  /** Between looks; of a URL, give or take a tenth. */
  readonly refreshSeconds: number;
  /** No proof counts until a list was read once. */
  readonly required: boolean;
}

export interface RevocationStatus {
  /** `stale`: there is a list, and the last look at it failed. `none`: never read. */
  readonly state: 'fresh' | 'stale' | 'none';
  readonly entries: number;
  /** Milliseconds since the epoch; null: never. */
  readonly lastSuccessMs: number | null;
  /** Of the last look; null: it succeeded. */
  readonly lastError: string | null;
}

export interface RevocationSourceOptions {
  readonly settings: RevocationSettings;
  readonly fetch: Fetch;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn' | 'info'>;
}

/** Bytes of a file; the list itself takes no more characters. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;

export class RevocationSource {
  readonly #options: RevocationSourceOptions;
  readonly #closed = new AbortController();
  #list = RevocationList.NONE;
  /** Of the text that the list was read from. */
  #digest: string | null = null;
  /** Of the file when it was read: nothing of it has changed while these are the same. */
  #stamp = '';
  #lastSuccessMs: number | null = null;
  #lastError: string | null = null;
  #cancelNext: (() => void) | null = null;

  /** Looks at once. */
  constructor(options: RevocationSourceOptions) {
    this.#options = options;
    if (this.#isConfigured) void this.#look();
  }

  /** The last good one. */
  get list(): RevocationList {
    return this.#list;
  }

  /** Whether anything may rest on {@link list}. */
  get isReady(): boolean {
    return this.#digest !== null || !this.#isConfigured || !this.#options.settings.required;
  }

  /** null: none is configured. */
  status(): RevocationStatus | null {
    if (!this.#isConfigured) return null;
    return {
      state: this.#digest === null ? 'none' : this.#lastError === null ? 'fresh' : 'stale',
      entries: this.#list.size,
      lastSuccessMs: this.#lastSuccessMs,
      lastError: this.#lastError,
    };
  }

  close(): void {
    this.#closed.abort();
    this.#cancelNext?.();
  }

  get #isConfigured(): boolean {
    const { file, url } = this.#options.settings;
    return file !== null || url !== null;
  }

  /** INVARIANT: one look at a time, and a next one planned after each, until it is closed. */
  async #look(): Promise<void> {
    const { clock, log, settings } = this.#options;
    try {
      const bytes = await this.#read();
      if (bytes !== null) await this.#take(bytes);
      this.#lastSuccessMs = clock.nowMs();
      if (this.#lastError !== null) log.info({}, 'the revocation list can be read again');
      this.#lastError = null;
    } catch (error) {
      const isFirst = this.#lastError === null;
      this.#stamp = '';
      this.#lastError =
        error instanceof FetchError || error instanceof RevocationError ? error.message : 'internal error';
      if (isFirst && !this.#closed.signal.aborted) {
        log.warn({ error: this.#lastError }, 'the revocation list cannot be read');
      }
    }
    if (this.#closed.signal.aborted) return;
    const waitMs = settings.refreshSeconds * 1000;
    // Replicas that were started together do not ask together.
    const spread = settings.file === null ? 0.9 + 0.2 * Math.random() : 1;
    this.#cancelNext = clock.after(waitMs * spread, () => void this.#look());
  }

  /** null: it is as it was. */
  async #read(): Promise<Buffer | null> {
    const { settings, fetch } = this.#options;
    if (settings.file !== null) return this.#readFile(settings.file);
    return fetch({ url: settings.url!, signal: this.#closed.signal });
  }

  async #readFile(path: string): Promise<Buffer | null> {
    try {
      const { ino, size, mtimeNs, ctimeNs } = await stat(path, { bigint: true });
      const stamp = [ino, size, mtimeNs, ctimeNs].join(':');
      if (stamp === this.#stamp) return null;
      const chunks: Buffer[] = [];
      for await (const chunk of createReadStream(path, { end: MAX_FILE_BYTES })) chunks.push(chunk as Buffer);
      const bytes = Buffer.concat(chunks);
      if (bytes.length > MAX_FILE_BYTES) throw new FetchError('file', 'revocation list: the file is too long');
      // Taken before the bytes were: a change in between is found by the next look.
      this.#stamp = stamp;
      return bytes;
    } catch (error) {
      if (error instanceof FetchError) throw error;
      throw new FetchError('file', `revocation list: ${codeOf(error)}`);
    }
  }

  /** Checks go on in the meantime, with the list that was: it is hashed elsewhere and read in slices. */
  async #take(bytes: Buffer): Promise<void> {
    const digest = Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('base64');
    if (digest === this.#digest) return;
    this.#list = await runStepsInSlices(RevocationList.parseInSteps(bytes.toString('latin1')), this.#closed.signal);
    this.#digest = digest;
  }
}
