import type { ClientHttp2Session } from 'node:http2';
import { temporaryDirectory } from '../../e2e/support/temporary-directory.ts';
import type { GrpcClient } from './grpc-client.ts';
import type { TestListener } from './listening.ts';

/** What a test opened, closed again in the opposite order whether it passed or not. */
export class Cleanup {
  readonly #tasks: (() => unknown)[] = [];

  add(task: () => unknown): void {
    this.#tasks.push(task);
  }

  listener<T extends Pick<TestListener, 'listener'>>(opened: T): T {
    this.add(() => opened.listener.drain(0));
    return opened;
  }

  client(client: GrpcClient): GrpcClient {
    this.add(() => client.close());
    return client;
  }

  session(session: ClientHttp2Session): ClientHttp2Session {
    this.add(() => session.destroy());
    return session;
  }

  /** A temporary directory. */
  async directory(): Promise<string> {
    const directory = await temporaryDirectory();
    this.add(() => directory.remove());
    return directory.path;
  }

  async run(): Promise<void> {
    for (let task = this.#tasks.pop(); task !== undefined; task = this.#tasks.pop()) await task();
  }
}
