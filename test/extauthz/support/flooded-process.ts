/**
 * The service behind the native transport in a process of its own, so that its memory can be told from that of those who flood
 * it. Work in a turn is bounded by nothing at all, so that any two new checks in one are too many; tokens are looked at for ever.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { CheckService } from '../../../src/extauthz/service.ts';
import { Health } from '../../../src/transport/health.ts';
import { NativeTransport } from '../../../src/transport/native/transport.ts';
import { LIMITS, TEXTS, snapshotOf } from './engine.ts';
import { CHECK, MAX_WAITING } from './flooded.ts';
import type { Seen } from './flooded.ts';
import { access, operation, policiesYaml } from './yaml.ts';

const SAMPLE_MS = 10;

const PROVIDER = {
  apiVersion: 'portcullis.dev/v1',
  kind: 'IdentityProvider',
  metadata: { name: 'login', namespace: 'shop' },
  spec: {
    issuer: 'https://login.example.com',
    jwt: { audiences: ['shop'], jwksUri: 'https://login.example.com/keys' },
  },
};

const policies = [access('ALLOW', operation({ paths: ['/kept', '/new/*'] }))];
const snapshot = snapshotOf(policiesYaml(policies, [PROVIDER]), { jwtMetadata: '' });
const reasons: Record<string, number> = {};
const service = new CheckService({
  snapshot: () => snapshot,
  identity: {
    epoch: 0,
    authenticate: (request) =>
      request.hasAuthorization
        ? new Promise(() => undefined)
        : { result: { outcome: 'none' }, strip: { headers: [], params: [], cookies: [] }, set: [] },
  },
  limits: LIMITS,
  cache: { maxEntries: 100_000, ttlSeconds: 3600 },
  texts: TEXTS,
  overload: { maxTurnMs: 0, maxWaiting: MAX_WAITING, errorResponse: false },
  record: ({ decision }) => (reasons[decision.reason] = (reasons[decision.reason] ?? 0) + 1),
  onError(error) {
    throw error;
  },
});
let mostWaiting = 0;
const health = new Health([]);
health.setServing();
const listener = await new NativeTransport(() => undefined).listen(
  {
    address: '127.0.0.1:0',
    tls: null,
    maxMessageBytes: LIMITS.maxMessageBytes,
    maxConcurrentStreams: 100_000,
    maxConnectionAgeSeconds: 0,
    reflection: false,
  },
  {
    unary: new Map([
      ...health.methods.unary,
      [
        CHECK,
        (message, context) => {
          const answer = service.check(message, context);
          mostWaiting = Math.max(mostWaiting, service.load.waiting);
          return answer;
        },
      ],
    ]),
    serverStream: health.methods.serverStream,
    answersAnyPeer: new Set([CHECK]),
  },
);
let peak = 0;
setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), SAMPLE_MS).unref();
const seen = async (): Promise<Seen> => {
  for (let i = 0; i < 3; i++) {
    globalThis.gc!();
    await sleep(SAMPLE_MS);
  }
  const { heapUsed, external } = process.memoryUsage();
  const result = { left: heapUsed + external, peak, load: service.load, mostWaiting, reasons };
  peak = process.memoryUsage.rss();
  return result;
};
process.on('message', () => void seen().then((result) => process.send!(result)));
process.send!(listener.address);
