import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';

import { createAuthority, spiffeId } from './support/certificates.ts';
import { startEnvoy, type Envoy } from './support/envoy.ts';
import { callGrpc } from './support/grpc-client.ts';
import { valuesOf } from './support/headers.ts';
import { openHttp1, sendHttp1 } from './support/http1-client.ts';
import { sendHttp2 } from './support/http2-client.ts';
import { freePort } from './support/ports.ts';
import { createTokenIssuer } from './support/tokens.ts';
import { seenIn, startUpstream, type Upstream } from './support/upstream.ts';

// Two cores that run Envoy, services and other tests besides can take their time.
jest.setTimeout(30_000);

/**
 * The tools of the end-to-end tests, tried with nothing behind ext_authz: where Envoy may pass a request
 * that nobody answered for (`failure_mode_allow`), all of the way to the upstream and back can be seen.
 */
const ours = createAuthority('root of cluster.local');
const theirs = createAuthority('root of partner.example');
const untrusted = createAuthority('root of nobody');
const serverCertificate = ours.issue({ uris: [spiffeId('cluster.local', 'shop', 'orders')] });
const tokens = createTokenIssuer('https://login.example.com');

let upstream: Upstream;
let envoy: Envoy;

beforeAll(async () => {
  upstream = await startUpstream();
  const clientAuthorities = [ours.certificate, theirs.certificate];
  envoy = await startEnvoy({
    upstream: upstream.ports,
    services: { nobody: { address: `127.0.0.1:${String(await freePort())}` } },
    listeners: [
      { name: 'closed' },
      {
        name: 'open',
        extAuthz: { failureModeAllow: true },
        routes: [{ prefix: '/two', upstream: 'http2' }, { prefix: '/' }],
      },
      {
        name: 'open-mtls',
        extAuthz: { failureModeAllow: true },
        tls: { certificate: serverCertificate, clientAuthorities },
      },
      {
        name: 'open-optional',
        address: '127.0.0.7',
        extAuthz: { failureModeAllow: true },
        tls: { certificate: serverCertificate, clientAuthorities, requireClientCertificate: false },
      },
      { name: 'tokens', extAuthz: { failureModeAllow: true }, tokens },
      { name: 'as-sent', extAuthz: { failureModeAllow: true }, http: { normalizePath: false, mergeSlashes: false } },
    ],
  });
}, 60_000);

afterAll(async () => {
  await envoy.stop();
  await upstream.stop();
});

describe('without a service that answers', () => {
  it('envoy refuses HTTP/1.1, HTTP/2 and gRPC, and nothing reaches the upstream', async () => {
    const target = envoy.target('closed');
    expect(await sendHttp1(target, { path: '/closed' })).toMatchObject({ status: 503 });
    expect(await sendHttp2(target, { path: '/closed' })).toMatchObject({ status: 503 });
    // gRPC names what HTTP calls 503 UNAVAILABLE (14).
    expect(await callGrpc(target, { path: '/shop.Orders/Get' })).toMatchObject({ code: 14, messages: [] });
    expect(upstream.seenUnder('/closed')).toEqual([]);
    expect(upstream.seenUnder('/shop.Orders')).toEqual([]);
    expect(await envoy.extAuthzCounter('closed', 'error')).toBe(3);
  });

  it('envoy passes requests where it was told to (failure_mode_allow)', async () => {
    const response = await sendHttp1(envoy.target('open'), { path: '/open?a=b', headers: [['x-one', 'two']] });
    expect(response.status).toBe(200);
    expect(seenIn(response)).toMatchObject({ protocol: 'HTTP/1.1', method: 'GET', path: '/open?a=b' });
    expect(valuesOf(seenIn(response).headers, 'x-one')).toEqual(['two']);
    expect(upstream.seenUnder('/open?a=b')).toHaveLength(1);
    expect(await envoy.extAuthzCounter('open', 'failure_mode_allowed')).toBe(1);
  });
});

describe('clients and upstreams', () => {
  it('speak HTTP/2 on both sides', async () => {
    const headers = [
      ['x-twice', 'a'],
      ['x-twice', 'b'],
    ] as const;
    const response = await sendHttp2(envoy.target('open'), { path: '/two', method: 'POST', headers, body: 'hello' });
    expect(response.status).toBe(200);
    expect(seenIn(response)).toMatchObject({ protocol: 'HTTP/2', method: 'POST', path: '/two', body: 'hello' });
    expect(valuesOf(seenIn(response).headers, 'x-twice')).toEqual(['a', 'b']);
  });

  it('speak gRPC, unary and streaming', async () => {
    const metadata = [['x-one', 'two']] as const;
    const unary = await callGrpc(envoy.target('open'), { path: '/shop.Catalog/Get', message: 'hi', metadata });
    expect(unary).toMatchObject({ code: 0, messages: [{ path: '/shop.Catalog/Get', body: 'hi' }] });
    expect(valuesOf(unary.messages[0]?.headers ?? [], 'x-one')).toEqual(['two']);

    const streamed = await callGrpc(envoy.target('open'), { path: '/shop.Orders/Watch', stream: true });
    expect(streamed.code).toBe(0);
    expect(streamed.messages).toHaveLength(3);
  });

  it('send bytes as they are over a connection that stays open', async () => {
    const connection = await openHttp1(envoy.target('as-sent'));
    const dots = await connection.send({ path: '/a/../b%2fc//d', headers: [['X-Odd', 'caf\u00e9']] });
    expect(seenIn(dots).path).toBe('/a/../b%2fc//d');
    expect(valuesOf(seenIn(dots).headers, 'x-odd')).toEqual(['caf\u00e9']);
    const method = await connection.send({ method: 'PROPFIND', path: '/x', body: '1234' });
    expect(seenIn(method)).toMatchObject({ method: 'PROPFIND', body: '1234' });
    const broken = await connection.sendBytes(Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n'));
    expect(broken.status).toBe(400);
    connection.close();
  });
});

describe('certificates', () => {
  const partner = theirs.issue({
    uris: [spiffeId('partner.example', 'web', 'robot'), 'spiffe://partner.example/second'],
    dnsNames: ['robot.partner.example'],
    commonName: 'robot',
  });

  it.each([
    ['HTTP/1.1', sendHttp1],
    ['HTTP/2', sendHttp2],
  ])('reach envoy over %s, all their names included', async (_protocol, send) => {
    const tls = { authority: ours.certificate, certificate: partner, serverName: 'shop.example' };
    const response = await send(envoy.target('open-mtls', tls), { path: '/' });
    expect(response.status).toBe(200);
    const [forwarded] = valuesOf(seenIn(response).headers, 'x-forwarded-client-cert');
    expect(forwarded).toContain('URI=spiffe://partner.example/ns/web/sa/robot;URI=spiffe://partner.example/second');
    expect(forwarded).toContain('DNS=robot.partner.example');
    expect(forwarded).toContain('Subject="CN=robot"');
  });

  it('reach envoy over gRPC', async () => {
    const tls = { authority: ours.certificate, certificate: partner, serverName: 'shop.example' };
    const answer = await callGrpc(envoy.target('open-mtls', tls), { path: '/shop.Orders/Get' });
    expect(answer.code).toBe(0);
    expect(valuesOf(answer.messages[0]?.headers ?? [], 'x-forwarded-client-cert')[0]).toContain('sa/robot');
  });

  it('are needed where they are required, and from an authority that is trusted', async () => {
    const none = { authority: ours.certificate, certificate: null, serverName: null };
    await expect(sendHttp1(envoy.target('open-mtls', none), { path: '/' })).rejects.toThrow(
      /certificate required|closed/,
    );
    const unknown = { ...none, certificate: untrusted.issue({ uris: [spiffeId('cluster.local', 'shop', 'admin')] }) };
    await expect(sendHttp1(envoy.target('open-mtls', unknown), { path: '/' })).rejects.toThrow(/unknown ca|closed/);
  });

  it('are optional where they are', async () => {
    const target = envoy.target('open-optional', { authority: ours.certificate, certificate: null, serverName: null });
    expect(target.host).toBe('127.0.0.7');
    expect(await sendHttp1(target, { path: '/' })).toMatchObject({ status: 200 });
  });
});

describe('tokens', () => {
  const send = (headers: readonly (readonly [string, string])[]) =>
    sendHttp1(envoy.target('tokens'), { path: '/tokens', headers });

  it('of the issuer are taken, others are refused, none is no matter', async () => {
    expect(await send([['authorization', `Bearer ${tokens.sign({ sub: 'alice' })}`]])).toMatchObject({ status: 200 });
    expect(await send([])).toMatchObject({ status: 200 });
    const forged = createTokenIssuer(tokens.issuer).sign({ sub: 'alice' });
    expect(await send([['authorization', `Bearer ${forged}`]])).toMatchObject({ status: 401 });
    expect(await send([['authorization', `Bearer ${tokens.sign({ sub: 'alice', exp: 1 })}`]])).toMatchObject({
      status: 401,
    });
  });
});

describe('the access log', () => {
  it('is found by the case that a request names', async () => {
    await sendHttp1(envoy.target('closed'), { path: '/logged', headers: [['x-case', 'logged']] });
    expect(await envoy.accessLogOf('logged')).toEqual({
      listener: 'closed',
      case: 'logged',
      method: 'GET',
      path: '/logged',
      status: 503,
      details: 'ext_authz_error',
      flags: 'UAEX',
      metadata: null,
    });
  });
});
