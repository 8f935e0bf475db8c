/** Whatever is sent to the admin server, it answers, and never with an error of its own. */
import { connect } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { parseCursor } from '../../src/admin/cursor.ts';
import { HttpError } from '../../src/admin/route.ts';
import { checkRequest } from '../extauthz/support/engine.ts';
import { access, operation, policiesYaml } from '../extauthz/support/yaml.ts';
import { ask } from './support/client.ts';
import { DESCRIPTION } from './support/openapi.ts';
import { adminWorld } from './support/world.ts';
import type { AdminWorld } from './support/world.ts';

// Two cores that run other tests besides can take their time.
jest.setTimeout(60_000);

let world: AdminWorld;
beforeAll(async () => {
  world = await adminWorld({
    policies: policiesYaml([access('ALLOW', { name: 'a', ...operation({ paths: ['/a'] }) })]),
    config: { actions: true },
  });
  world.checks.check({ path: '/b' });
});
afterAll(() => world.close());

/** 429 and 503 are what an honest client gets too when there is much to do. */
const expected = (status: number): boolean => status < 500 || status === 503;

const paths = Object.keys(DESCRIPTION.paths).filter((path) => path.startsWith('/api/'));
const text = fc.string({ unit: 'binary', maxLength: 40 });
const value = fc.oneof(
  text,
  fc.constantFrom('1', '0', '-1', '1000', '1001', 'true', 'shop/p0', '0'.repeat(2000), '%00'),
);
const name = fc.oneof(
  fc.constantFrom('after', 'limit', 'namespace', 'policy', 'unused', 'label', 'decision', 'reason', '__proto__'),
  text,
);

describe('the admin server', () => {
  it('answers to any query as is described, and never fails', async () => {
    const query = fc.array(fc.tuple(name, value), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), query, async (path, pairs) => {
        const target = `${path.replace('{id}', '1-1')}?${new URLSearchParams(pairs).toString()}`;
        const { status } = await ask(world.address, target.slice(0, 8000));
        expect(expected(status)).toBe(true);
      }),
      { numRuns: 120 },
    );
    expect(world.errors).toEqual([]);
  });

  it('answers to any path', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ maxLength: 60 }), async (rest) => {
        const path = `/api/v1/decisions/${[...rest].map((char) => `%${char.charCodeAt(0).toString(16).padStart(2, '0').slice(-2)}`).join('')}`;
        const { status } = await ask(world.address, path);
        expect([400, 404, 429]).toContain(status);
      }),
      { numRuns: 60 },
    );
    expect(world.errors).toEqual([]);
  });

  it('answers to any body, and never fails', async () => {
    const json = fc.jsonValue({ maxDepth: 4 }).map((each) => JSON.stringify(each));
    const message = checkRequest({ path: '/a' });
    const bent = fc.tuple(fc.nat(message.length - 1), fc.nat(255)).map(([at, byte]) => {
      const bytes = Buffer.from(message);
      bytes[at] = byte;
      return JSON.stringify({ bytes: bytes.toString('base64') });
    });
    const attributes = fc.dictionary(
      fc.constantFrom('source', 'destination', 'request', 'contextExtensions', 'metadataContext', 'tlsSession'),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const near = attributes.map((each) => JSON.stringify({ attributes: each }));
    const body = fc.oneof(
      json,
      bent,
      near,
      fc.uint8Array({ maxLength: 60 }).map((each) => Buffer.from(each)),
    );
    const target = fc.constantFrom('/api/v1/explain', '/api/v1/actions/log-level', '/api/v1/actions/reload');
    await fc.assert(
      fc.asyncProperty(target, body, async (path, sent) => {
        const { status } = await ask(world.address, path, { method: 'POST', text: sent });
        expect(expected(status)).toBe(true);
      }),
      { numRuns: 150 },
    );
    expect(world.errors).toEqual([]);
  });

  it('outlives bytes that are no HTTP', async () => {
    const [host, port] = world.address.split(':');
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ minLength: 1, maxLength: 200 }), async (bytes) => {
        await new Promise<void>((resolve) => {
          const socket = connect(Number(port), host);
          socket.on('error', () => undefined);
          socket.on('close', () => resolve());
          socket.end(bytes);
          socket.resume();
        });
      }),
      { numRuns: 40 },
    );
    expect((await ask(world.address, '/livez')).status).toBe(200);
    expect(world.errors).toEqual([]);
  });
});

it('a cursor is read, or refused', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[0-9a-f.~z]{0,40}$/)), (each) => {
      try {
        expect(parseCursor(each).size).toBeLessThanOrEqual(256);
      } catch (error) {
        expect(error).toBeInstanceOf(HttpError);
      }
    }),
  );
});
