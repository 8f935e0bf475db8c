import type { Issuers } from './remote.ts';
import type { Row } from './rows.ts';

/** People and automation from outside the mesh (`policies/remote-access.yaml`). */
export function remoteRows({ staff, ci }: Issuers): readonly Row[] {
  const who = 'remote-access';
  const look = { who, workload: 'production', path: '/apps/shop' } as const;
  const restart = { who, workload: 'production', method: 'POST', path: '/apps/shop/restarts' } as const;
  const deploy = { who, workload: 'production', method: 'POST', path: '/apps/shop/deployments' } as const;
  const onStaging = { ...look, workload: 'staging' } as const;
  const dev = `x-groups: developers, x-user: ${staff}/dev`;
  return [
    {
      ...look,
      token: 'dev',
      expected: {
        status: 200,
        rule: 'platform/production developers-look',
        because: 'gateway and person',
        headers: dev,
      },
    },
    {
      ...look,
      token: 'dev',
      headers: [
        ['x-user', 'root'],
        ['x-groups', 'operators'],
      ],
      expected: {
        status: 200,
        rule: 'platform/production developers-look',
        because: 'spoofed headers are gone',
        headers: dev,
      },
    },
    { ...look, expected: { status: 401, rule: 'token_required', because: 'the gateway alone' } },
    {
      ...look,
      who: 'frontend',
      token: 'dev',
      expected: { status: 403, rule: 'no_rule_matched', because: 'a good token, another workload' },
    },
    {
      ...look,
      token: 'dev, for billing',
      expected: {
        status: 401,
        rule: 'invalid_token',
        flaw: 'the token is for another audience',
        because: 'the wrong audience',
      },
    },
    {
      ...look,
      token: 'dev, expired',
      expected: { status: 401, rule: 'invalid_token', flaw: 'the token is expired', because: 'expired' },
    },
    {
      ...look,
      token: 'dev, forged',
      expected: { status: 401, rule: 'invalid_token', flaw: 'the signature is wrong', because: 'a forged signature' },
    },
    {
      ...look,
      token: 'dev, password',
      expected: {
        status: 401,
        rule: 'platform/production-mfa of-today',
        because: 'no second factor',
      },
    },
    {
      ...restart,
      token: 'dev',
      expected: { status: 403, rule: 'no_rule_matched', because: 'developers only look' },
    },
    {
      ...restart,
      token: 'oz, mfa just now',
      expected: {
        status: 200,
        rule: 'platform/production operators',
        because: 'operators change',
        headers: `x-groups: operators, x-user: ${staff}/oz`,
      },
    },
    {
      ...restart,
      token: 'oz, mfa an hour ago',
      expected: {
        status: 401,
        rule: 'platform/production-mfa changes',
        because: 'a second factor too long ago',
      },
    },
    {
      ...deploy,
      token: 'CI, main',
      expected: {
        status: 200,
        rule: 'platform/production ci-deploys-main',
        because: "the CI's own issuer",
        headers: `x-user: ${ci}/repo:acme/shop:ref:refs/heads/main`,
      },
    },
    {
      ...deploy,
      token: 'CI, a branch',
      expected: { status: 403, rule: 'no_rule_matched', because: 'not what is on main' },
    },
    {
      ...look,
      token: 'an API key',
      expected: {
        status: 200,
        rule: 'platform/production inventory-looks',
        because: 'the key is known',
        headers: 'x-user: keys.platform.example/inventory',
      },
    },
    {
      ...look,
      token: 'a wrong API key',
      expected: { status: 401, rule: 'invalid_token', flaw: 'the API key is not known', because: 'it is not' },
    },
    {
      ...onStaging,
      token: 'con, opaque',
      expected: {
        status: 200,
        rule: 'platform/contractors look',
        because: 'introspected: active',
        headers: `x-user: ${staff}/con`,
      },
    },
    {
      ...onStaging,
      token: 'con, revoked',
      expected: {
        status: 401,
        rule: 'invalid_token',
        flaw: 'the token is not active',
        because: 'introspected: it is not',
      },
    },
  ];
}
