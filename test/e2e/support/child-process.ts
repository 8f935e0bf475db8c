import { spawn, type ChildProcess } from 'node:child_process';

/** Of each child's output this much is kept for failure messages; a whole test file writes less. */
const MAX_OUTPUT_CHARS = 2_000_000;

/** A child that does not leave after SIGTERM within this time is killed. */
const STOP_TIMEOUT_MS = 10_000;

export interface ChildOptions {
  /** What failure messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to this process's own environment; undefined removes a variable. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
}

export interface ChildExit {
  /** null when a signal ended it. */
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A child process that is always ended by its own process id, and whose output is kept. */
export interface Child {
  readonly pid: number;
  /** Both streams, in order of arrival. */
  output(): string;
  /** Whole lines of standard output so far. */
  stdoutLines(): readonly string[];
  /** null while it runs. */
  exit(): ChildExit | null;
  readonly exited: Promise<ChildExit>;
  /** SIGTERM, then SIGKILL if it lingers. Harmless when it has left already. */
  stop(): Promise<ChildExit>;
  /** SIGKILL. */
  kill(): Promise<ChildExit>;
}

/**
 * Ends the child when this process is gone, however it went: its end of the pipe closes, `read` returns. Handlers
 * of `exit` and signals would not do: in a Jest worker, which is ended by a signal, they are never called.
 */
function guard(childPid: number): ChildProcess {
  const guarding = spawn('sh', ['-c', 'read -r _; kill -KILL "$0"', String(childPid)], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guarding.unref();
  return guarding;
}

export function startChild(options: ChildOptions): Child {
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const guarding = child.pid === undefined ? null : guard(child.pid);

  let output = '';
  let stdout = '';
  const keep = (text: string): void => {
    output = (output + text).slice(-MAX_OUTPUT_CHARS);
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout = (stdout + text).slice(-MAX_OUTPUT_CHARS);
    keep(text);
  });
  child.stderr.setEncoding('utf8').on('data', keep);

  let exit: ChildExit | null = null;
  const exited = new Promise<ChildExit>((resolve) => {
    // 'error' without an exit means that the command could not be started at all.
    child.once('error', (error) => {
      keep(`${options.name} could not be started: ${error.message}\n`);
      exit ??= { code: null, signal: null };
      resolve(exit);
    });
    child.once('exit', (code, signal) => {
      guarding?.kill('SIGKILL');
      exit ??= { code, signal };
      resolve(exit);
    });
  });

  return {
    pid: child.pid ?? -1,
    output: () => output,
    stdoutLines: () => stdout.split('\n').slice(0, -1),
    exit: () => exit,
    exited,
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
      try {
        return await exited;
      } finally {
        clearTimeout(timer);
      }
    },
    kill() {
      child.kill('SIGKILL');
      return exited;
    },
  };
}
