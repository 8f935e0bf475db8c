import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, jest } from '@jest/globals';
import { check, Service, TIMEOUT_MS } from './support.ts';
import { request } from '../cli/support.ts';

jest.setTimeout(TIMEOUT_MS);

const directory = mkdtempSync(join(tmpdir(), 'portcullis-hits-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

function writePolicies(...rules: readonly string[]): void {
  const policy = {
    apiVersion: 'portcullis.dev/v1',
    kind: 'AccessPolicy',
    metadata: { name: 'orders', namespace: 'shop' },
    spec: { rules: rules.map((name) => ({ name, to: [{ operation: { paths: [`/${name}`] } }] })) },
  };
  writeFileSync(join(directory, 'orders.yaml'), JSON.stringify(policy));
}

async function hitsOf(service: Service): Promise<Record<string, number>> {
  const admin = /admin (\S+),/.exec(service.stdout)?.[1] ?? '';
  const text = await (await fetch(`${admin}/metrics`)).text();
  const series = text.matchAll(/^portcullis_policy_rule_decisions_total\{.*rule="(\w+)".*\} (\d+)$/gm);
  return Object.fromEntries([...series].map(([, rule, count]) => [rule!, Number(count)]));
}

it('of rules outlive policies and workers, and end with their rules', async () => {
  writePolicies('first', 'second');
  await using service = new Service('--workers', '2', '--policies', directory);
  await service.ready();
  const ask = (path: string): Promise<number> => check(service.client, request({ path }));
  for (const path of ['/first', '/second', '/second']) expect(await ask(path)).toBe(200);
  expect(await hitsOf(service)).toEqual({ first: 1, second: 2 });

  writePolicies('third', 'second');
  await service.until('the new policies are in force', async () => (await ask('/third')) === 200);
  expect(await ask('/second')).toBe(200);
  await service.until('the rule that is gone is forgotten', async () => !('first' in (await hitsOf(service))));
  const { second, third } = await hitsOf(service);
  expect(second).toBe(3);
  expect(third).toBeGreaterThan(0);
});
