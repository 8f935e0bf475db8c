/**
 * Runs the command line: in this process, which takes milliseconds, or as people do, in one of its own.
 */
import { spawn } from 'node:child_process';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { runCli } from '../../src/cli/cli.ts';

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The environment of the tests without what a developer has set for a service of their own. */
function environment(extra: Readonly<Record<string, string>> = {}): NodeJS.ProcessEnv {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('PORTCULLIS_') && name !== 'NO_COLOR');
  return { ...Object.fromEntries(own), ...extra };
}

export function start(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): ChildProcessWithoutNullStreams {
  return spawn(process.execPath, [MAIN, ...args], { env: environment(env) });
}

export interface Input {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The command line with streams of its own, in this process. It serves nothing. */
export async function portcullis(args: readonly string[], { stdin = '', env = {} }: Input = {}): Promise<Outcome> {
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const written = Promise.all([text(stdout), text(stderr)]);
  const code = await runCli(args, {
    terminal: { stdin: Readable.from([Buffer.from(stdin)]), stdout, stderr, env },
    version: '1.2.3',
    serve: () => Promise.reject(new Error('nothing is served here')),
  });
  stdout.end();
  stderr.end();
  const [out, err] = await written;
  return { code, stdout: out, stderr: err };
}

/** The real program. */
export async function portcullisProcess(
  args: readonly string[],
  { stdin = '', env = {} }: Input = {},
): Promise<Outcome> {
  const child = start(args, env);
  const written = Promise.all([text(child.stdout), text(child.stderr)]);
  child.stdin.on('error', () => undefined).end(stdin);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const [out, err] = await written;
  return { code, stdout: out, stderr: err };
}

export interface Files extends Disposable {
  readonly path: string;
  at(name: string): string;
  write(name: string, text: string): string;
}

/** A directory with these files, gone after the test. */
export function files(texts: Readonly<Record<string, string>>): Files {
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'portcullis-cli-')));
  const write = (name: string, content: string): string => {
    mkdirSync(dirname(join(path, name)), { recursive: true });
    writeFileSync(join(path, name), content);
    return join(path, name);
  };
  for (const [name, content] of Object.entries(texts)) write(name, content);
  return {
    path,
    at: (name) => join(path, name),
    write,
    [Symbol.dispose]: () => {
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** The example that most tests decide by. */
export const SHOP = `apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata: {name: orders, namespace: shop}
spec:
  selector: {matchLabels: {app: orders}}
  action: ALLOW
  rules:
    - name: gateway-reads
      from: [{source: {principals: [cluster.local/ns/edge/sa/gateway]}}]
      to: [{operation: {methods: [GET], paths: ["/orders/{*}"]}}]
      respond:
        request: {set: {x-policy: "\${decision.policy}"}, remove: [x-debug]}
    - from: [{source: {namespaces: [ops], notPrincipals: [cluster.local/ns/ops/sa/guest]}}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: no-delete, namespace: shop}
spec:
  action: DENY
  rules:
    - to: [{operation: {methods: [DELETE]}}]
`;

export interface ShortRequest {
  readonly method?: string;
  readonly path?: string;
  readonly principal?: string;
}

/** A CheckRequest for the orders of the shop, as protobuf JSON. */
export function request({
  method = 'GET',
  path = '/orders/1',
  principal = 'spiffe://cluster.local/ns/edge/sa/gateway',
}: ShortRequest = {}): Record<string, unknown> {
  return {
    attributes: {
      source: { principal },
      contextExtensions: { namespace: 'shop', 'label.app': 'orders' },
      request: { http: { method, path, host: 'shop', scheme: 'https' } },
    },
  };
}

export function jsonLines(lines: string): Record<string, unknown>[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}
