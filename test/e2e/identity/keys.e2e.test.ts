import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { startOidcProvider, type OidcProvider } from '../support/oidc-provider.ts';
import { identityProvider, startIdentityWorld, type IdentityWorld } from '../support/oidc-world.ts';
import { accessPolicy, documents } from '../support/policies.ts';
import { waitUntil } from '../support/wait.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/** Keys of a real provider that changes them, goes away and comes back, while requests come through Envoy with mTLS. */
function policies({ issuer }: OidcProvider): string {
  return documents(
    identityProvider('people', 'orders', issuer, { jwt: { audiences: ['orders'], typ: 'at+jwt' } }),
    accessPolicy({
      name: 'orders',
      app: 'orders',
      rules: [
        { name: 'people', from: [{ source: { requestPrincipals: [`${issuer}/*`] } }] },
        { name: 'open', to: [{ operation: { paths: ['/orders/open'] } }] },
      ],
    }),
  );
}

/** Of `/readyz`, what it says about where keys come from. */
async function keySources(
  identity: IdentityWorld,
): Promise<{ readonly ready: boolean; readonly states: readonly string[] }> {
  const { ready, identity: detail } = (await identity.world.services.portcullis.readiness()) as unknown as {
    ready: boolean;
    identity: { keys: readonly { state: string }[] };
  };
  return { ready, states: detail.keys.map(({ state }) => state) };
}

function statusOf(identity: IdentityWorld, token: string, path = '/orders/'): Promise<number> {
  return identity.send(path, { token }).then(({ status }) => status);
}

describe('a provider that is there', () => {
  let identity: IdentityWorld;
  let oidc: OidcProvider;

  beforeAll(async () => {
    oidc = await startOidcProvider();
    identity = await startIdentityWorld({ provider: oidc, apps: ['orders'], policies: policies(oidc) });
  }, 60_000);

  afterAll(async () => {
    await identity.stop();
    await oidc.stop();
  });

  /** Sends requests with good tokens, known ones and new ones by turns, until it is told to end; gives the statuses. */
  function requestsInBackground(): { readonly end: () => Promise<readonly number[]> } {
    let ended = false;
    const statuses: number[] = [];
    const run = (async () => {
      let token = await oidc.personToken('ann');
      while (!ended) {
        statuses.push(await statusOf(identity, token));
        if (statuses.length % 3 === 0) token = await oidc.personToken('ann');
        await sleep(10);
      }
    })();
    return {
      end: async () => {
        ended = true;
        await run;
        return statuses;
      },
    };
  }

  it('changes its keys while requests come, and none with a good token is refused', async () => {
    const requests = requestsInBackground();
    const olds = [await oidc.personToken('bob'), await oidc.personToken('eve')] as const;
    expect(await statusOf(identity, olds[0])).toBe(200);

    // Signs with the new key at once: nobody can have fetched it before.
    oidc.rotateKeys();
    const young = await oidc.personToken('bob');
    expect(await statusOf(identity, young)).toBe(200);
    // Both tokens of the old key are good for as long as it is published, the one that was never seen too.
    expect(await Promise.all(olds.map((token) => statusOf(identity, token)))).toEqual([200, 200]);

    oidc.retireKeys();
    await waitUntil('the token of a key that is gone to be refused', async () => {
      await identity.askForKeys('/orders/');
      return (await statusOf(identity, olds[0])) === 401;
    });
    expect(await statusOf(identity, olds[1])).toBe(401);
    expect(await statusOf(identity, young)).toBe(200);

    const statuses = await requests.end();
    expect(statuses.length).toBeGreaterThan(10);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  });

  it('goes away for a while: the last good keys go on, and the service stays ready and says so', async () => {
    const [known, unseen] = [await oidc.personToken('ann'), await oidc.personToken('bob')];
    expect(await statusOf(identity, known)).toBe(200);
    await oidc.stop();
    await waitUntil('the keys to be stale', async () => {
      await identity.askForKeys('/orders/');
      return (await keySources(identity)).states.includes('stale');
    });
    expect(await keySources(identity)).toEqual({ ready: true, states: ['stale'] });
    expect((await identity.world.services.portcullis.admin('/readyz')).status).toBe(200);
    // The second one's signature is verified now, with what was fetched then.
    expect([await statusOf(identity, known), await statusOf(identity, unseen)]).toEqual([200, 200]);

    oidc.rotateKeys();
    await oidc.start();
    const young = await oidc.personToken('ann');
    await waitUntil('the keys to be fresh', async () => (await keySources(identity)).states.includes('fresh'));
    expect(await statusOf(identity, young)).toBe(200);
    expect(await statusOf(identity, unseen)).toBe(200);
    expect(await keySources(identity)).toEqual({ ready: true, states: ['fresh'] });
  });

  it('makes no token good that it did not sign, gone or not', async () => {
    await oidc.stop();
    const { status: gone } = await identity.askForKeys('/orders/');
    await oidc.start();
    const { status: back } = await identity.askForKeys('/orders/');
    expect([gone, back]).toEqual([401, 401]);
  });
});

describe('a provider that is not there when the service starts', () => {
  let identity: IdentityWorld;
  let oidc: OidcProvider;
  let token: string;
  let silent: SilentServer;

  beforeAll(async () => {
    oidc = await startOidcProvider();
    token = await oidc.personToken('ann');
    await oidc.stop();
    // It takes connections and says nothing: worse than a port that is closed.
    silent = await startSilentServer(new URL(oidc.issuer));
    identity = await startIdentityWorld({ provider: oidc, apps: ['orders'], policies: policies(oidc) });
  }, 60_000);

  afterAll(async () => {
    await identity.stop();
    await silent.stop();
    await oidc.stop();
  });

  async function answerTo(name: string, path = '/orders/'): Promise<{ status: number; details: string | null }> {
    const { status } = await identity.send(path, { token, headers: [['x-case', name]] });
    return { status, details: (await identity.world.envoy.accessLogOf(name)).details };
  }

  it('is answered 503 by the service itself, and never an allow; then tokens are good once it is there', async () => {
    // `ext_authz_error` would be Envoy that waited in vain, which `failure_mode_allow` makes an allow.
    const denied = { status: 503, details: 'ext_authz_denied' };
    expect(silent.connections()).toBeGreaterThan(0);
    expect(await answerTo('silent')).toEqual(denied);
    expect(await answerTo('silent-open', '/orders/open')).toEqual(denied);
    // Who shows no token waits for no keys.
    expect(await identity.send('/orders/open')).toMatchObject({ status: 200 });
    expect(await identity.send('/orders/')).toMatchObject({ status: 401 });
    expect(await keySources(identity)).toEqual({ ready: true, states: ['none'] });

    await silent.stop();
    expect(await answerTo('closed')).toEqual(denied);

    await oidc.start();
    await waitUntil('the token to be good', async () => {
      const status = await statusOf(identity, token);
      expect([200, 503]).toContain(status);
      return status === 200;
    });
    expect(await keySources(identity)).toEqual({ ready: true, states: ['fresh'] });
  });
});

interface SilentServer {
  connections(): number;
  stop(): Promise<void>;
}

async function startSilentServer({ hostname, port }: URL): Promise<SilentServer> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    // Whoever asks gives up some time.
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(Number(port), hostname, resolve);
  });
  return {
    connections: () => sockets.length,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}
