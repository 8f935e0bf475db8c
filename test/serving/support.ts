/** The program as people run it, for tests that ask it over gRPC. */
import { Client, credentials } from '@grpc/grpc-js';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromJson, toBinary, type JsonValue } from '@bufbuild/protobuf';
import { checkRequestType } from '../../src/extauthz/json/proto-types.ts';
import { jsonLines, request, start } from '../cli/support.ts';

export const TIMEOUT_MS = 60_000;
export const CHECK = '/envoy.service.auth.v3.Authorization/Check';
export const HEALTH = '/grpc.health.v1.Health/Check';
/** HealthCheckResponse with `status` SERVING and NOT_SERVING. */
export const SERVING = '0801';
export const NOT_SERVING = '0802';

/** A running service, ended with the test. */
export class Service implements AsyncDisposable {
  readonly child: ChildProcessWithoutNullStreams;
  readonly exited: Promise<number | null>;
  stdout = '';
  stderr = '';
  #client: Client | null = null;

  constructor(...args: readonly string[]) {
    this.child = start(['serve', '--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0', ...args]);
    this.child.stdout.setEncoding('utf8').on('data', (text: string) => (this.stdout += text));
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => (this.stderr += text));
    this.exited = once(this.child, 'close').then(([code]) => code as number | null);
  }

  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + TIMEOUT_MS / 2;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error(`waited in vain until ${what}\n${this.stdout}${this.stderr}`);
      await sleep(10);
    }
  }

  ready(): Promise<void> {
    return this.until('it is ready', () => this.stdout.includes('\n'));
  }

  logged(message: string): Record<string, unknown>[] {
    return jsonLines(this.stderr.slice(0, this.stderr.lastIndexOf('\n') + 1)).filter(({ msg }) => msg === message);
  }

  get address(): string {
    return /grpc (\S+),/.exec(this.stdout)?.[1] ?? '';
  }

  get client(): Client {
    return (this.#client ??= new Client(this.address, credentials.createInsecure()));
  }

  async readyz(): Promise<{ status: number; body: Record<string, unknown> }> {
    const response = await fetch(`${/admin (\S+),/.exec(this.stdout)?.[1] ?? ''}/readyz`);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#client?.close();
    this.child.kill('SIGKILL');
    await this.exited;
  }
}

export function call(client: Client, path: string, message: Uint8Array): Promise<Buffer> {
  const asIs = (bytes: Buffer): Buffer => bytes;
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      asIs,
      asIs,
      Buffer.from(message),
      { deadline: Date.now() + 5000 },
      (error, answer) => {
        if (error !== null || answer === undefined) reject(error ?? new Error('no answer'));
        else resolve(answer);
      },
    );
  });
}

/** The HTTP status that Envoy would send on; 200 for an allow. */
export async function check(client: Client, value = request()): Promise<number> {
  return statusOf(await call(client, CHECK, bytesOf(value)));
}

export function bytesOf(value: Record<string, unknown>): Uint8Array {
  const type = checkRequestType();
  return toBinary(type, fromJson(type, value as JsonValue));
}

/** Of the CheckResponse: the HTTP status that Envoy would send on; 200 for an allow. */
export function statusOf(answer: Buffer): number {
  // An allow begins with a status (field 1) of code 0, which is left out or written as 0.
  const [tag, length, field, code] = answer;
  if (tag !== 0x0a) throw new Error('an answer without a status');
  if (length === 0 || (field === 0x08 && code === 0)) return 200;
  // denied_response { status { code } }: 12 LENGTH 0a LL 08 VARINT.
  let at = answer.indexOf(0x12, 2 + (length ?? 0)) + 1;
  while (answer[at]! >= 128) at += 1;
  return answer[at + 4]! - 128 + answer[at + 5]! * 128;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
