import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import type { HttpOptions } from './support/envoy-config.ts';
import type { HeaderLine } from './support/headers.ts';
import { sendHttp1 } from './support/http1-client.ts';
import { accessPolicy, documents } from './support/policies.ts';
import { startWorld, type World } from './support/world.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** The client's address behind proxies: the service is configured as the Envoy that asks it. */
const routes = [{ prefix: '/', contextExtensions: { namespace: 'shop', 'label.app': 'orders' } }];

const rule = (name: string, source: Record<string, readonly string[]>, path: string) => ({
  name,
  from: [{ source }],
  to: [{ operation: { paths: [path] } }],
});

const policies = {
  'addresses.yaml': documents(
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        rule('office', { remoteIpBlocks: ['203.0.113.0/24'] }, '/office'),
        rule('peer', { ipBlocks: ['127.0.0.0/8'] }, '/peer'),
        rule('other-peer', { ipBlocks: ['203.0.113.0/24'] }, '/other-peer'),
        rule('not-banned', { notRemoteIpBlocks: ['198.51.100.0/24'] }, '/not-banned'),
        { name: 'open', to: [{ operation: { paths: ['/open'] } }] },
      ],
    }),
    accessPolicy({
      name: 'orders-deny',
      app: 'orders',
      action: 'DENY',
      rules: [rule('banned', { remoteIpBlocks: ['198.51.100.0/24'] }, '/open')],
    }),
  ),
};

const settings = {
  sidecar: { useRemoteAddress: false, xffTrustedHops: 0 },
  edge: { useRemoteAddress: true, xffTrustedHops: 0 },
  'behind-one': { useRemoteAddress: true, xffTrustedHops: 1 },
} satisfies Record<string, HttpOptions>;

type Setting = keyof typeof settings;

let world: World<Setting>;

beforeAll(async () => {
  const names = Object.keys(settings) as Setting[];
  world = await startWorld({
    services: {
      sidecar: { policies, config: { clientIp: settings.sidecar } },
      edge: { policies, config: { clientIp: settings.edge } },
      'behind-one': { policies, config: { clientIp: settings['behind-one'] } },
    },
    listeners: names.map((name) => ({ name, service: name, routes, http: settings[name] })),
  });
}, 60_000);

afterAll(async () => {
  await world.stop();
});

const OFFICE = '203.0.113.7';
const BANNED = '198.51.100.9';

describe.each<[Setting, string, readonly string[], string, number]>([
  ['edge', 'takes the peer, whatever the client wrote', [OFFICE], '/office', 403],
  ['edge', 'takes the peer without the header too', [], '/office', 403],
  ['edge', 'lets nobody in by a name of his own', [OFFICE], '/other-peer', 403],
  ['edge', 'denies nobody by it either', [BANNED], '/open', 200],
  ['edge', 'knows the direct peer', [OFFICE], '/peer', 200],
  ['behind-one', "takes what the proxy wrote, which is the header's end", [OFFICE], '/office', 200],
  ['behind-one', 'skips what came before that', [`${OFFICE}, ${BANNED}`], '/office', 403],
  ['behind-one', 'takes the end of several', [`${BANNED}, ${OFFICE}`], '/office', 200],
  ['behind-one', 'takes the last of several lines', [OFFICE, BANNED], '/office', 403],
  ['behind-one', 'denies by it', [`${OFFICE}, ${BANNED}`], '/open', 403],
  ['behind-one', 'allows nothing when the proxy wrote nothing', [], '/office', 403],
  ['behind-one', 'allows nothing by what is no address', ['unknown'], '/office', 403],
  ['behind-one', 'allows who is not excluded', [OFFICE], '/not-banned', 200],
  ['behind-one', 'allows nobody who is', [BANNED], '/not-banned', 403],
  ['behind-one', 'allows nobody who may be, when the proxy wrote nothing', [], '/not-banned', 403],
  ['behind-one', 'keeps the direct peer apart', [OFFICE], '/peer', 200],
  ['sidecar', 'takes the last entry, which the gateway before it wrote', [`${BANNED}, ${OFFICE}`], '/office', 200],
  ['sidecar', 'takes no other', [`${OFFICE}, ${BANNED}`], '/office', 403],
])('%s', (setting, what, forwardedFor, path, status) => {
  it(`${what}: ${path} ${String(status)}`, async () => {
    const headers = forwardedFor.map((value): HeaderLine => ['x-forwarded-for', value]);
    for (let time = 1; time <= 2; time++) {
      const response = await sendHttp1(world.envoy.target(setting), { path, headers });
      expect(response.status).toBe(status);
    }
  });
});
