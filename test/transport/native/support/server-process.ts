/**
 * The native transport in a process of its own, so that its memory can be told from that of the peers that attack it. Speaks
 * with its parent over IPC, and takes the bound of what it holds as its argument: `memory` collects garbage and tells what is left and how much it had at most since the last time.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { UnaryHandler } from '../../../../src/transport/transport.ts';
import { NativeTransport } from '../../../../src/transport/native/transport.ts';

const SAMPLE_MS = 10;

const [maxHeldBytes] = process.argv.slice(2);

const log: string[] = [];
const waiting: (() => void)[] = [];
const transport = new NativeTransport(
  (level, message, fields) => {
    log.push(`${level} ${message} ${JSON.stringify(fields)}`);
    if (log.length > 1_000) log.shift();
  },
  maxHeldBytes === undefined ? {} : { maxHeldBytes: Number(maxHeldBytes) },
);
const large = new Uint8Array(200_000);

const listener = await transport.listen(
  {
    address: '127.0.0.1:0',
    tls: null,
    maxMessageBytes: 32 * 1024 * 1024,
    maxConcurrentStreams: 1_000,
    maxConnectionAgeSeconds: 0,
    reflection: false,
  },
  {
    unary: new Map<string, UnaryHandler>([
      ['/test/Echo', (message: Uint8Array) => message],
      ['/test/Large', () => large],
      [
        '/test/Held',
        (message: Uint8Array) => new Promise<Uint8Array>((resolve) => waiting.push(() => resolve(message))),
      ],
    ]),
    serverStream: new Map(),
    answersAnyPeer: new Set(),
  },
);

let peak = 0;
setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), SAMPLE_MS).unref();

type Question = 'memory' | 'log' | 'counts' | 'held' | 'answer';

process.on('message', (message: { readonly id: number; readonly ask: Question }) => {
  void answer(message.ask).then((result) => process.send!({ id: message.id, result }));
});

async function answer(ask: Question): Promise<unknown> {
  switch (ask) {
    case 'log':
      return log.splice(0);
    case 'counts':
      return listener.counts();
    case 'held':
      return waiting.length;
    case 'answer':
      for (const go of waiting.splice(0)) go();
      return null;
    case 'memory': {
      for (let i = 0; i < 3; i++) {
        globalThis.gc!();
        await sleep(SAMPLE_MS);
      }
      const { heapUsed, external } = process.memoryUsage();
      const result = { left: heapUsed + external, peak };
      peak = process.memoryUsage.rss();
      return result;
    }
  }
}

process.send!({ id: 0, result: listener.address });
