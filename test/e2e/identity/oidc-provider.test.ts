import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { hash, X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import {
  createLocalJWKSet,
  decodeJwt,
  decodeProtectedHeader,
  jwtVerify,
  type JSONWebKeySet,
  type JWTPayload,
} from 'jose';

import { certificateOf } from '../support/identities.ts';
import { forgedToken } from '../support/oidc-forged.ts';
import { startOidcProvider, type OidcProvider } from '../support/oidc-provider.ts';

/** The provider of the tests in this folder, tried with another implementation than ours (jose). */
let oidc: OidcProvider;

beforeAll(async () => {
  oidc = await startOidcProvider();
}, 30_000);

afterAll(async () => {
  await oidc.stop();
});

interface Answer {
  readonly status: number;
  readonly body: string;
}

function ask(url: string, form?: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { clientId, secret } = oidc.introspector;
    const asking = request(url, {
      agent: false,
      ca: oidc.authority,
      ...(form === undefined
        ? {}
        : {
            method: 'POST',
            auth: `${clientId}:${secret}`,
            headers: { 'content-type': 'application/x-www-form-urlencoded' },
          }),
    });
    asking.on('error', reject).on('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body });
      });
    });
    asking.end(form === undefined ? undefined : new URLSearchParams(form).toString());
  });
}

async function publishedKeys(): Promise<JSONWebKeySet> {
  const { body } = await ask(`${oidc.issuer}/.well-known/openid-configuration`);
  const { issuer, jwks_uri: jwksUri } = JSON.parse(body) as { issuer: string; jwks_uri: string };
  expect([issuer, jwksUri]).toEqual([oidc.issuer, oidc.jwksUri]);
  return JSON.parse((await ask(jwksUri)).body) as JSONWebKeySet;
}

async function verified(token: string, audience = 'orders'): Promise<JWTPayload> {
  const keys = createLocalJWKSet(await publishedKeys());
  return (await jwtVerify(token, keys, { issuer: oidc.issuer, audience, typ: 'at+jwt' })).payload;
}

async function introspected(token: string): Promise<Record<string, unknown>> {
  const { status, body } = await ask(oidc.introspectionEndpoint, { token });
  expect(status).toBe(200);
  return JSON.parse(body) as Record<string, unknown>;
}

describe('tokens', () => {
  it('of people verify against the keys that discovery leads to', async () => {
    const token = await oidc.personToken('ann', {
      scope: 'orders.read',
      lifetimeSeconds: 20,
      claims: { groups: ['support', 'sales'], acr: 'mfa' },
    });
    const claims = await verified(token);
    expect(claims).toMatchObject({
      ...{ iss: oidc.issuer, sub: 'ann', aud: 'orders', scope: 'orders.read' },
      ...{ groups: ['support', 'sales'], acr: 'mfa', jti: expect.any(String) },
    });
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(20);
  });

  it('of automation verify too, and are of the client', async () => {
    expect(await verified(await oidc.automationToken({ scope: 'orders.write' }))).toMatchObject({
      sub: 'ci',
      client_id: 'ci',
      scope: 'orders.write',
    });
  });

  it('are for the audience that was asked for', async () => {
    const token = await oidc.personToken('ann', { audience: 'billing' });
    expect(decodeJwt(token).aud).toBe('billing');
    await expect(verified(token)).rejects.toThrow('aud');
  });

  it('are bound to the certificate that was shown for them', async () => {
    const certificate = certificateOf('cluster.local', { uris: ['spiffe://cluster.local/ns/edge/sa/laptop'] });
    const thumbprint = hash('sha256', new X509Certificate(certificate.certificate).raw, 'base64url');
    for (const token of [
      await oidc.personToken('ann', { boundTo: certificate }),
      await oidc.automationToken({ boundTo: certificate }),
    ]) {
      expect(await verified(token)).toMatchObject({ cnf: { 'x5t#S256': thumbprint } });
    }
  });

  it('that are opaque are active until they are revoked', async () => {
    const token = await oidc.personToken('ann', {
      audience: 'opaque-orders',
      scope: 'orders.read',
      claims: { acr: 'mfa' },
    });
    expect(token).not.toContain('.');
    expect(await introspected(token)).toMatchObject({
      ...{ active: true, iss: oidc.issuer, sub: 'ann', aud: 'opaque-orders', scope: 'orders.read', acr: 'mfa' },
      token_type: 'Bearer',
    });
    await oidc.revoke(token);
    expect(await introspected(token)).toEqual({ active: false });
  });
});

it('a forged token says what a good one says, and fails by its signature or key alone', async () => {
  const { kid = '' } = decodeProtectedHeader(await oidc.personToken('ann'));
  await expect(verified(await forgedToken(oidc.issuer, 'ann', kid))).rejects.toThrow('signature verification failed');
  await expect(verified(await forgedToken(oidc.issuer, 'ann'))).rejects.toThrow('no applicable key');
});

describe('keys', () => {
  it('are exchanged with and without those before', async () => {
    const first = await oidc.personToken('ann');
    const kid = oidc.rotateKeys();
    const second = await oidc.personToken('ann');
    expect(decodeProtectedHeader(second).kid).toBe(kid);
    expect(decodeProtectedHeader(first).kid).not.toBe(kid);
    await verified(first);
    await verified(second);

    const opaque = await oidc.personToken('ann', { audience: 'opaque-orders' });
    oidc.retireKeys();
    await expect(verified(first)).rejects.toThrow('no applicable key');
    await verified(second);
    expect(await introspected(opaque)).toMatchObject({ active: true });
  });
});

describe('the provider', () => {
  it('can be gone and back at the same address, with the same keys and tokens', async () => {
    const token = await oidc.personToken('ann');
    await oidc.stop();
    await expect(ask(oidc.jwksUri)).rejects.toThrow('ECONNREFUSED');
    await oidc.start();
    await verified(token);
  });

  it('counts what it was asked', async () => {
    const before = oidc.answers('/jwks');
    await ask(oidc.jwksUri);
    expect(oidc.answers('/jwks')).toBe(before + 1);
  });

  it('lets nobody else introspect', async () => {
    const { status } = await ask(oidc.introspectionEndpoint.replace('/introspect', '/introspect?'), { token: '' });
    expect(status).toBe(400);
  });
});
