import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { httpLoad, type HttpTask } from '../../load-tests/envoy/http-client.ts';
import { CALLED, CALLER } from '../../load-tests/envoy/proxy.ts';
import {
  isAllowed,
  lastRuleRequests,
  makeRules,
  mixedRequests,
  policiesOf,
  type Rule,
} from '../../load-tests/envoy/rules.ts';
import { random } from '../../load-tests/lib/random.ts';
import { createAuthority } from '../e2e/support/certificates.ts';
import { decisionOf, snapshotOf } from '../extauthz/support/engine.ts';

describe('rules that are written for both', () => {
  const rules = makeRules(100);
  const snapshot = snapshotOf(policiesOf(rules));
  const ask = (method: string, path: string) =>
    decisionOf(snapshot, {
      method,
      path,
      principal: CALLER,
      contextExtensions: { namespace: CALLED.namespace, 'label.app': CALLED.account },
    });

  it('mean to Portcullis what they say', () => {
    const asked = [...mixedRequests(rules, random(1)), ...lastRuleRequests(rules)];
    const said = asked.map((request) => isAllowed(rules, request));
    expect(asked.map(({ method, path }) => ask(method, path).allowed)).toEqual(said);
    expect(new Set(said)).toEqual(new Set([true, false]));
  });

  it('of all rules only the last allows what is asked of the last', () => {
    const others: readonly Rule[] = rules.slice(0, -1);
    expect(lastRuleRequests(rules).map((request) => [isAllowed(rules, request), isAllowed(others, request)])).toEqual([
      [true, false],
    ]);
  });
});

describe('the HTTP client', () => {
  const authority = createAuthority('mesh');
  const own = authority.issue({ dnsNames: ['localhost'] });
  const paths: string[] = [];
  const server = createServer({ cert: own.certificate, key: own.key }, (request, response) => {
    paths.push(request.url ?? '');
    response.statusCode = request.url?.startsWith('/denied') === true ? 403 : 200;
    response.setHeader('content-length', 2);
    response.end('ok');
  });
  let task: HttpTask;

  beforeAll(async () => {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    task = {
      port: (server.address() as AddressInfo).port,
      tls: { authority: authority.certificate, certificate: own.certificate, key: own.key },
      connections: 3,
      perSecond: 0,
      warmUpMs: 20,
      durationMs: 200,
      headers: [['x-one', 'two']],
      requests: [
        { method: 'GET', path: '/allowed/{n}' },
        { method: 'POST', path: '/denied' },
      ],
    };
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));

  function marks() {
    const seen: string[] = [];
    return { seen, begin: () => void seen.push('begin'), end: () => void seen.push('end') };
  }

  it('asks in turn as fast as it is answered', async () => {
    const told = marks();
    const report = await httpLoad(task, told);
    expect(told.seen).toEqual(['begin', 'end']);
    const { 200: allowed = 0, 403: denied = 0 } = report.statuses;
    expect(allowed + denied).toBe(report.answers);
    expect(Math.abs(allowed - denied)).toBeLessThanOrEqual(task.connections);
    expect(report.errors).toBe(0);
    expect(report.p50Us).toBeLessThanOrEqual(report.p99Us);
    // Each number once.
    const numbered = paths.filter((path) => path.startsWith('/allowed/'));
    expect(new Set(numbered).size).toBe(numbered.length);
  });

  it('asks at a rate, and no faster', async () => {
    const before = paths.length;
    const startMs = performance.now();
    const report = await httpLoad({ ...task, perSecond: 100 }, marks());
    // Whatever the machine does: by now no more can have been due.
    expect(paths.length - before).toBeLessThanOrEqual(((performance.now() - startMs) * 100) / 1_000 + 1);
    expect(report.answers).toBeGreaterThan(0);
    expect(report.errors).toBe(0);
  });

  it('tells of connections that break', async () => {
    const broken = createServer({ cert: own.certificate, key: own.key }, (request) => request.socket.destroy());
    await new Promise<void>((resolve) => broken.listen(0, '127.0.0.1', resolve));
    const { port } = broken.address() as AddressInfo;
    const report = await httpLoad({ ...task, port, durationMs: 50 }, marks());
    expect(report).toMatchObject({ answers: 0, errors: task.connections });
    await new Promise((resolve) => broken.close(resolve));
  });
});
