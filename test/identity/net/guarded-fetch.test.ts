import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { createServer as createHttp } from 'node:http';
import { connect, createServer as createTcp } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import type { LookupAddress } from 'node:dns';
import { gzipSync } from 'node:zlib';
import { DEFAULT_FETCH_SETTINGS } from '../../../src/identity/net/fetch-settings.ts';
import type { FetchSettings } from '../../../src/identity/net/fetch-settings.ts';
import { GuardedFetch } from '../../../src/identity/net/guarded-fetch.ts';
import type { FetchRequest } from '../../../src/identity/net/guarded-fetch.ts';
import { createAuthority } from '../../e2e/support/certificates.ts';
import { HOST, authority, certificate, json, localFetch, startServer, testFiles } from './servers.ts';
import type { Handler, TestServer } from './servers.ts';

const files = testFiles();
const caFile = files.write('ca.pem', authority.certificate);
let server: TestServer;
let opened: GuardedFetch[] = [];

beforeAll(async () => {
  server = await startServer(json({}));
});
beforeEach(() => {
  server.seen.length = 0;
});
afterEach(() => {
  for (const each of opened) each.close();
  opened = [];
});
afterAll(async () => {
  await server.close();
  await files.remove();
});

function fetching(settings: Partial<FetchSettings> = {}, addresses?: readonly string[]): GuardedFetch {
  const made = localFetch(caFile, settings, addresses);
  opened.push(made);
  return made;
}

async function get(handler: Handler, settings: Partial<FetchSettings> = {}, request: Partial<FetchRequest> = {}) {
  server.handler = handler;
  return (await fetching(settings).fetch({ url: `${server.url}/keys`, ...request })).toString();
}

describe('a request', () => {
  test('is a GET over verified TLS that asks for plain JSON', async () => {
    const text = await get((request, response) => {
      response.end(JSON.stringify([request.headers, (request.socket as { servername?: string }).servername]));
    });
    const [headers, servername] = JSON.parse(text) as [Record<string, string>, string];
    expect(headers).toMatchObject({ accept: 'application/json', 'accept-encoding': 'identity' });
    expect(headers['host']).toBe(`${HOST}:${server.port}`);
    expect(headers['authorization']).toBeUndefined();
    expect(servername).toBe(HOST);
    expect(server.seen).toEqual(['GET /keys']);
  });

  test('is a POST when it has a form', async () => {
    const form = new URLSearchParams({ token: 'a b&c=d', ü: '1' });
    const text = await get(
      (request, response, body) => response.end(`${request.method!} ${request.headers['content-type']!} ${body}`),
      {},
      { form },
    );
    expect(text).toBe('POST application/x-www-form-urlencoded token=a+b%26c%3Dd&%C3%BC=1');
  });

  test('uses a connection again, and another one when that was closed meanwhile', async () => {
    server.handler = (request, response) => response.end(String(request.socket.remotePort));
    const { fetch } = fetching();
    const ask = async (): Promise<string> => (await fetch({ url: server.url })).toString();
    const first = await ask();
    expect(await ask()).toBe(first);
    server.server.closeIdleConnections();
    expect(await ask()).not.toBe(first);
  });

  test('is made once more when a kept connection turns out to be closed', async () => {
    let requests = 0;
    server.handler = (request, response) => {
      requests += 1;
      if (requests === 2) request.socket.destroy();
      else response.end(String(requests));
    };
    const { fetch } = fetching();
    expect((await fetch({ url: server.url })).toString()).toBe('1');
    expect((await fetch({ url: server.url })).toString()).toBe('3');
    // A new connection that is closed is an error, and not asked again.
    server.handler = (request) => request.socket.destroy();
    server.seen.length = 0;
    await expect(fetching().fetch({ url: server.url })).rejects.toMatchObject({ failure: 'connection' });
    expect(server.seen).toHaveLength(1);
  });
});

describe('JWKS SSRF, redirects, internal IPs: URLs', () => {
  test.each([
    ['http://issuer.test/', 'the URL is not https'],
    ['file:///etc/passwd', 'the URL is not https'],
    ['ftp://issuer.test/', 'the URL is not https'],
    ['data:application/json,{}', 'the URL is not https'],
    ['unix:/run/socket', 'the URL is not https'],
    ['https://user:hunter2@issuer.test/', 'the URL has a user, a password or a fragment'],
    ['https://issuer.test/#x', 'the URL has a user, a password or a fragment'],
    ['issuer.test/keys', 'the URL cannot be read'],
    ['https://', 'the URL cannot be read'],
  ])('%s is not asked', async (url, message) => {
    await expect(fetching().fetch({ url })).rejects.toMatchObject({ failure: 'url', message });
  });

  test('longer than 2048 characters are not asked', async () => {
    await expect(fetching().fetch({ url: `${server.url}/${'x'.repeat(2048)}` })).rejects.toMatchObject({
      failure: 'url',
    });
    server.handler = json({});
    await expect(fetching().fetch({ url: `${server.url}/${'x'.repeat(1900)}` })).resolves.toBeDefined();
  });

  test('http is asked where the settings say so', async () => {
    const plain = await startServer((_request, response) => response.end('plain'), { tls: null });
    try {
      await expect(fetching().fetch({ url: plain.url })).rejects.toMatchObject({ failure: 'url' });
      expect((await fetching({ allowHttp: true }).fetch({ url: plain.url })).toString()).toBe('plain');
    } finally {
      await plain.close();
    }
  });

  test.each([301, 302, 303, 307, 308, 300, 304])('a %i is an error', async (status) => {
    const handler: Handler = (request, response) => {
      response.writeHead(status, { location: '/other' }).end(request.url);
    };
    await expect(get(handler)).rejects.toMatchObject({
      failure: 'redirect',
      status,
      message: `answered ${status}: redirects are not followed`,
    });
    expect(server.seen).toEqual(['GET /keys']);
  });

  test.each([201, 204, 206, 400, 401, 404, 500, 503])('a %i is an error', async (status) => {
    await expect(get((_request, response) => response.writeHead(status).end())).rejects.toMatchObject({
      failure: 'status',
      status,
    });
  });
});

describe('JWKS SSRF, redirects, internal IPs: addresses', () => {
  test.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '127.1'])(
    'https://%s is not dialled, though no name is looked up',
    async (host) => {
      const before = server.connections();
      await expect(
        fetching({ allowLoopback: false }).fetch({ url: `https://${host}:${server.port}/` }),
      ).rejects.toMatchObject({ failure: 'address', message: "the host's address is a loopback address" });
      expect(server.connections()).toBe(before);
    },
  );

  test('a name of loopback is not dialled, also beside a good address', async () => {
    const before = server.connections();
    for (const addresses of [['127.0.0.1'], ['::1'], ['::ffff:127.0.0.1'], ['169.254.169.254'], ['0.0.0.0']])
      await expect(fetching({ allowLoopback: false }, addresses).fetch({ url: server.url })).rejects.toMatchObject({
        failure: 'address',
      });
    expect(server.connections()).toBe(before);
  });

  test('nor a name that the system knows as loopback', async () => {
    const { fetch } = new GuardedFetch(() => DEFAULT_FETCH_SETTINGS);
    await expect(fetch({ url: `https://localhost:${server.port}/` })).rejects.toMatchObject({
      failure: 'address',
      message: "the host's address is a loopback address",
    });
  });

  /** Dials for each request: the first answers of the name server do not speak for the next. */
  test('a name that changes to loopback is refused at the connection after', async () => {
    server.handler = (_request, response) => {
      response.setHeader('connection', 'close');
      response.end('ok');
    };
    let address = '127.0.0.1';
    let allowLoopback = true;
    const { fetch } = new GuardedFetch(
      () => ({ ...DEFAULT_FETCH_SETTINGS, caFile, allowLoopback }),
      (_hostname, done) => done(null, [{ address, family: 4 }]),
    );
    expect((await fetch({ url: server.url })).toString()).toBe('ok');
    address = '169.254.169.254';
    await expect(fetch({ url: server.url })).rejects.toMatchObject({ failure: 'address' });
    [address, allowLoopback] = ['127.0.0.1', false];
    await expect(fetch({ url: server.url })).rejects.toMatchObject({ failure: 'address' });
  });

  test('what counts is the address that is connected, whatever the look-up said', async () => {
    let reads = 0;
    const treacherous: LookupAddress = {
      get address() {
        return reads++ === 0 ? '192.0.2.1' : '127.0.0.1';
      },
      family: 4,
    };
    const before = server.connections();
    const { fetch } = new GuardedFetch(
      () => ({ ...DEFAULT_FETCH_SETTINGS, caFile }),
      (_hostname, done) => done(null, [treacherous]),
    );
    server.seen.length = 0;
    await expect(fetch({ url: server.url })).rejects.toMatchObject({
      failure: 'address',
      message: "the host's address is a loopback address",
    });
    expect(server.seen).toEqual([]);
    expect(server.connections()).toBeLessThanOrEqual(before + 1);
  });
});

describe('TLS', () => {
  test('is verified: name and authority', async () => {
    await expect(get(json({}), { caFile: null })).rejects.toMatchObject({
      failure: 'connection',
      message: 'TLS: UNABLE_TO_VERIFY_LEAF_SIGNATURE',
    });
    await expect(fetching().fetch({ url: server.url.replace(HOST, 'other.test') })).rejects.toMatchObject({
      message: 'TLS: ERR_TLS_CERT_ALTNAME_INVALID',
    });
    // An address has to be in the certificate too.
    server.handler = json({});
    await expect(fetching().fetch({ url: `https://127.0.0.1:${server.port}/` })).resolves.toBeDefined();
  });

  test('a certificate of an address that is not asked for is none', async () => {
    const other = await startServer(json({}), { tls: authority.issue({ addresses: ['127.0.0.2'], dnsNames: [HOST] }) });
    try {
      await expect(fetching().fetch({ url: `https://127.0.0.1:${other.port}/` })).rejects.toMatchObject({
        message: 'TLS: ERR_TLS_CERT_ALTNAME_INVALID',
      });
    } finally {
      await other.close();
    }
  });

  test('NODE_TLS_REJECT_UNAUTHORIZED does not turn it off', async () => {
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    try {
      await expect(get(json({}), { caFile: null })).rejects.toMatchObject({ failure: 'connection' });
    } finally {
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    }
  });

  test('authorities are read anew, and connections of the old ones are not used any longer', async () => {
    const path = files.write('changing.pem', authority.certificate);
    const { fetch } = fetching({ caFile: path });
    server.handler = json({});
    await fetch({ url: server.url });
    files.write('changing.pem', createAuthority('others').certificate);
    await expect(fetch({ url: server.url })).rejects.toMatchObject({ failure: 'connection' });
    files.write('changing.pem', authority.certificate);
    await expect(fetch({ url: server.url })).resolves.toBeDefined();
  });

  test.each([
    ['an empty file', ''],
    ['a file without certificates', 'hello'],
    ['a broken certificate', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n'],
  ])('%s of authorities is an error, and never the authorities of the system', async (_what, text) => {
    await expect(get(json({}), { caFile: files.write('bad.pem', text) })).rejects.toMatchObject({
      message: expect.stringMatching(/^(certificates of authorities: |TLS: )/),
    });
  });
});

describe('the bearer token', () => {
  const authorization: Handler = (request, response) => response.end(request.headers.authorization);

  test('is read at each request', async () => {
    const path = files.write('token', 'first\n');
    server.handler = authorization;
    const { fetch } = fetching({ bearerTokenFile: path });
    expect((await fetch({ url: server.url })).toString()).toBe('Bearer first');
    files.write('token', 'second');
    expect((await fetch({ url: server.url })).toString()).toBe('Bearer second');
  });

  test("does not replace the request's own", async () => {
    const bearerTokenFile = files.write('token', 'from-file');
    expect(await get(authorization, { bearerTokenFile }, { headers: { authorization: 'Basic eA==' } })).toBe(
      'Basic eA==',
    );
  });

  test.each([
    ['empty', ''],
    ['of two lines', 'hunter2\nhunter3'],
    ['with a space', 'hunter2 hunter3'],
    ['not ASCII', 'hunter2ü'],
    ['too long', 'hunter2'.repeat(3000)],
    ['far too long', 'hunter2'.repeat(200_000)],
  ])('%s is an error that does not tell it', async (_what, text) => {
    const error = await get(authorization, { bearerTokenFile: files.write('bad-token', text) }).catch(
      (thrown: unknown) => thrown as Error,
    );
    expect(error).toMatchObject({ failure: 'file', message: expect.stringMatching(/^bearer token: the file /) });
    expect(String(error)).not.toContain('hunter');
    expect(server.seen).toEqual([]);
  });

  test('that is missing is an error', async () => {
    await expect(get(authorization, { bearerTokenFile: '/nowhere/token' })).rejects.toMatchObject({
      failure: 'file',
      message: 'bearer token: ENOENT',
    });
  });
});

describe('JWKS SSRF, redirects, internal IPs: size and time', () => {
  test('a body longer than allowed is refused by what it says', async () => {
    await expect(get((_request, response) => response.end('x'.repeat(101)), { maxBytes: 100 })).rejects.toMatchObject({
      failure: 'size',
      message: 'the body is longer than 100 bytes',
    });
    expect(await get((_request, response) => response.end('x'.repeat(100)), { maxBytes: 100 })).toHaveLength(100);
    await expect(
      get((_request, response) => response.end('x'.repeat(51)), { maxBytes: 100 }, { maxBytes: 50 }),
    ).rejects.toMatchObject({ failure: 'size' });
  });

  test('a body without a length is read up to the bound and no further', async () => {
    let written = 0;
    const handler: Handler = (_request, response) => {
      const more = (): void => {
        while (!response.destroyed && written < 100_000_000 && response.write('x'.repeat(10_000))) written += 10_000;
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    await expect(get(handler, { maxBytes: 20_000 })).rejects.toMatchObject({ failure: 'size' });
    expect(written).toBeLessThan(50_000_000);
  });

  test('a body shorter than it says is not taken', async () => {
    const handler: Handler = (_request, response) => {
      response.writeHead(200, { 'content-length': 100 });
      response.write('{"keys":[]}', () => response.destroy());
    };
    await expect(get(handler)).rejects.toMatchObject({ failure: 'connection' });
  });

  test('a body that breaks off between chunks is not taken', async () => {
    const handler: Handler = (_request, response) => {
      response.write('{"keys":[]}', () => response.destroy());
    };
    await expect(get(handler)).rejects.toMatchObject({ failure: 'connection' });
  });

  test.each(['gzip', 'GZIP', 'deflate', 'br', 'zstd', 'identity, gzip'])(
    'a body in %s is refused unread',
    async (encoding) => {
      const bomb = gzipSync(Buffer.alloc(10_000_000));
      const handler: Handler = (_request, response) => {
        response.writeHead(200, { 'content-encoding': encoding }).end(bomb);
      };
      await expect(get(handler)).rejects.toMatchObject({ failure: 'encoding' });
    },
  );

  test('a server that answers drop by drop is given up', async () => {
    let timer: NodeJS.Timeout | undefined;
    const handler: Handler = (_request, response) => {
      response.writeHead(200);
      timer = setInterval(() => response.write(' '), 10);
      response.on('close', () => clearInterval(timer));
    };
    await expect(get(handler, { timeoutMs: 150 })).rejects.toMatchObject({
      failure: 'timeout',
      message: 'no whole answer within 150 ms',
    });
  });

  test.each([
    ['never answers', () => undefined],
    ['stops in the headers', (socket: Socket) => void socket.write('HTTP/1.1 200 OK\r\nx: ')],
  ] as const)('a server that %s is given up', async (_what, serve) => {
    const sockets = new Set<Socket>();
    const silent = createTcp((socket) => {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('data', () => serve(socket));
    }).listen(0, '127.0.0.1');
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    for (const scheme of ['http', 'https'])
      await expect(
        fetching({ allowHttp: true, timeoutMs: 100 }).fetch({ url: `${scheme}://${HOST}:${port}/` }),
      ).rejects.toMatchObject({ failure: expect.stringMatching(/timeout|connection/) });
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  test('a name server that does not answer is given up', async () => {
    const { fetch } = new GuardedFetch(
      () => ({ ...DEFAULT_FETCH_SETTINGS, timeoutMs: 50 }),
      () => undefined,
    );
    await expect(fetch({ url: server.url })).rejects.toMatchObject({ failure: 'timeout' });
  });

  test('headers longer than 16 KiB are refused', async () => {
    await expect(
      get((_request, response) => response.setHeader('x-long', 'x'.repeat(20_000)).end('{}')),
    ).rejects.toMatchObject({ failure: 'size', message: 'the headers are too long' });
  });

  test('what is no HTTP is an error, and so is another protocol', async () => {
    for (const answer of [
      '\0\0\0 garbage\r\n\r\n',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n',
    ]) {
      const odd = createTcp((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.end(answer));
      }).listen(0, '127.0.0.1');
      await once(odd, 'listening');
      const url = `http://${HOST}:${(odd.address() as AddressInfo).port}/`;
      await expect(fetching({ allowHttp: true, timeoutMs: 1000 }).fetch({ url })).rejects.toMatchObject({
        failure: expect.stringMatching(/^(connection|status)$/),
      });
      odd.close();
    }
  });

  test('a request can be given up, before and while it runs', async () => {
    await expect(get(json({}), {}, { signal: AbortSignal.abort() })).rejects.toMatchObject({ failure: 'aborted' });
    const controller = new AbortController();
    const waiting = get(() => controller.abort(), {}, { signal: controller.signal });
    await expect(waiting).rejects.toMatchObject({ failure: 'aborted', message: 'given up' });
  });

  test('closing ends what is under way, and nothing starts after it', async () => {
    const guarded = fetching();
    server.handler = () => guarded.close();
    await expect(guarded.fetch({ url: server.url })).rejects.toMatchObject({ failure: 'aborted' });
    await expect(guarded.fetch({ url: server.url })).rejects.toMatchObject({ failure: 'aborted' });
  });
});

describe('a proxy', () => {
  let asked: string[] = [];
  const tunnels = new Set<Socket>();
  const proxy = createHttp();
  let proxyUrl = '';

  beforeAll(async () => {
    proxy.on('connect', (request, client: Socket) => {
      asked.push(request.url!);
      tunnels.add(client);
      client.on('error', () => undefined);
      if (request.url!.startsWith('refused')) {
        client.end('HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      if (request.url!.startsWith('eager')) {
        client.write('HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
        return;
      }
      const upstream = connect(server.port, '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        upstream.pipe(client).pipe(upstream);
      });
      upstream.on('error', () => client.destroy());
      client.on('close', () => upstream.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    proxyUrl = `http://proxy.test:${(proxy.address() as AddressInfo).port}`;
  });
  beforeEach(() => {
    asked = [];
  });
  afterAll(() => {
    for (const each of tunnels) each.destroy();
    proxy.close();
    proxy.closeAllConnections();
  });

  test('is asked for the host by name, and sees TLS only', async () => {
    server.handler = json({ ok: true });
    const body = await fetching({ proxy: proxyUrl }).fetch({ url: `${server.url}/keys` });
    expect(body.toString()).toBe('{"ok":true}');
    expect(asked).toEqual([`${HOST}:${server.port}`]);
  });

  test('is held to the address rules in place of the host', async () => {
    await expect(fetching({ proxy: proxyUrl, allowLoopback: false }).fetch({ url: server.url })).rejects.toMatchObject({
      failure: 'address',
    });
    // A host that is an address is refused all the same: the proxy would dial it.
    await expect(fetching({ proxy: proxyUrl }).fetch({ url: 'https://169.254.169.254/' })).rejects.toMatchObject({
      failure: 'address',
    });
    expect(asked).toEqual([]);
  });

  test.each([
    ['refused.test', 'the proxy answered 403'],
    ['eager.test', 'the proxy sent more than its answer'],
  ])('that does not open the way to %s is an error', async (host, message) => {
    await expect(fetching({ proxy: proxyUrl }).fetch({ url: `https://${host}:${server.port}/` })).rejects.toMatchObject(
      { failure: 'proxy', message },
    );
  });

  test('that is away, or no http URL, is an error', async () => {
    await expect(fetching({ proxy: 'https://proxy.test' }).fetch({ url: server.url })).rejects.toMatchObject({
      failure: 'url',
    });
    await expect(fetching({ proxy: 'http://proxy.test:1' }).fetch({ url: server.url })).rejects.toMatchObject({
      failure: 'connection',
      message: 'connection: ECONNREFUSED',
    });
  });

  test("the certificate that counts is the host's", async () => {
    await expect(
      fetching({ proxy: proxyUrl }).fetch({ url: server.url.replace(HOST, 'other.test') }),
    ).rejects.toMatchObject({ message: 'TLS: ERR_TLS_CERT_ALTNAME_INVALID' });
    expect(certificate.certificate).toContain('BEGIN CERTIFICATE');
  });
});
