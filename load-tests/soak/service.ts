/** The service under soak: its process or processes, what they hold, and whose connections are whose. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { DIRECTORY_VARIABLE, SAMPLE_SUFFIX } from './watch.ts';
import type { ProcessSample } from './watch.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const WATCH = fileURLToPath(new URL('./watch.ts', import.meta.url));

const LOAD_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 25_000;
const MAX_PROBLEMS = 20;

export interface SoakServiceOptions {
  readonly port: number;
  readonly adminPort: number;
  readonly policies: string;
  /** Where the processes write what they hold. */
  readonly watchDirectory: string;
  readonly workers: number;
  readonly maxConnectionAgeSeconds: number;
}

export class SoakService {
  readonly #process: ChildProcess;
  readonly #options: SoakServiceOptions;
  readonly #problems: string[] = [];
  #problemCount = 0;
  /** Workers that were killed here, of which it has not complained yet. */
  #killed = 0;
  /** Whatever they say, for when it does not do what it should. */
  #lastLines: string[] = [];

  constructor(options: SoakServiceOptions) {
    this.#options = options;
    this.#process = spawn(
      process.execPath,
      [
        ...['--import', WATCH, join(ROOT, 'src', 'main.ts'), 'serve'],
        ...['--config', join(ROOT, 'portcullis.yaml'), '--policies', options.policies],
        ...['--listen', `127.0.0.1:${options.port}`, '--admin', `127.0.0.1:${options.adminPort}`],
        ...['--workers', String(options.workers)],
      ],
      {
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
          ...process.env,
          [DIRECTORY_VARIABLE]: options.watchDirectory,
          PORTCULLIS_TRANSPORT: 'native',
          PORTCULLIS_LIMITS_MAX_CONNECTION_AGE_SECONDS: String(options.maxConnectionAgeSeconds),
        },
      },
    );
    // The decision log: read, and thrown away.
    this.#process.stdout!.resume();
    let rest = '';
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      this.#lastLines = [...this.#lastLines, ...lines].slice(-MAX_PROBLEMS);
      for (const line of lines) if (!/"level":"(info|debug|trace)"/.test(line)) this.#problem(line);
    });
  }

  #problem(line: string): void {
    if (this.#killed > 0 && line.includes('"signal":"SIGKILL"')) {
      this.#killed--;
      return;
    }
    this.#problemCount++;
    if (this.#problems.length < MAX_PROBLEMS) this.#problems.push(line);
  }

  /** What it wrote that is more than information. */
  get problems(): { readonly count: number; readonly lines: readonly string[] } {
    return { count: this.#problemCount, lines: this.#problems };
  }

  get pid(): number {
    return this.#process.pid!;
  }

  get alive(): boolean {
    return this.#process.exitCode === null && this.#process.signalCode === null;
  }

  async revision(): Promise<string | null> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.#options.adminPort}/readyz`);
      const { ready, revision } = (await response.json()) as { ready: boolean; revision: string | null };
      return ready ? revision : null;
    } catch {
      return null;
    }
  }

  /** Waits until the revision in force is one that is wanted. */
  async revisionOnce(good: (revision: string) => boolean): Promise<string> {
    const endMs = performance.now() + LOAD_TIMEOUT_MS;
    while (this.alive && performance.now() < endMs) {
      const revision = await this.revision();
      if (revision !== null && good(revision)) return revision;
      await sleep(10);
    }
    throw new Error(`the policies were not taken:\n${this.#lastLines.join('\n')}`);
  }

  /** Those that live, the first one first. */
  samples(): ProcessSample[] {
    const samples: ProcessSample[] = [];
    for (const name of readdirSync(this.#options.watchDirectory)) {
      if (!name.endsWith(SAMPLE_SUFFIX)) continue;
      const sample = JSON.parse(readFileSync(join(this.#options.watchDirectory, name), 'utf8')) as ProcessSample;
      if (lives(sample.pid)) samples.push(sample);
    }
    return samples.sort((a, b) => Number(b.pid === this.pid) - Number(a.pid === this.pid) || a.pid - b.pid);
  }

  workers(): number[] {
    return this.samples()
      .map(({ pid }) => pid)
      .filter((pid) => pid !== this.pid);
  }

  /** SIGKILL: that it says so is no problem. */
  killWorker(pid: number): void {
    this.#killed++;
    process.kill(pid, 'SIGKILL');
  }

  async stop(): Promise<void> {
    if (!this.alive) return;
    const gone = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill('SIGTERM');
    const timer = setTimeout(() => this.#process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await gone;
    clearTimeout(timer);
  }
}

function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Processes that a process has started and that live (Linux). */
export function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** The far ends' ports of a process's TCP connections on the service's port (Linux). */
export function clientPortsOf(pid: number, port: number): Set<number> {
  const inodes = new Set<string>();
  for (const descriptor of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${descriptor}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed in between.
    }
  }
  const ports = new Set<number>();
  for (const line of readFileSync(`/proc/${pid}/net/tcp`, 'utf8').split('\n').slice(1)) {
    const [, local, remote, , , , , , , inode] = line.trim().split(/\s+/);
    if (inode !== undefined && inodes.has(inode) && portOf(local) === port) ports.add(portOf(remote));
  }
  return ports;
}

/** Of `0100007F:1F90`. */
function portOf(address: string | undefined): number {
  return Number.parseInt(address?.split(':')[1] ?? '0', 16);
}
