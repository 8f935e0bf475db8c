import { describe, expect, test } from '@jest/globals';
import { openSnapshot } from '../../../src/policy-index/snapshot.ts';
import { decisionOf, SETTINGS, snapshotOf } from '../../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml, source, when, workloadEntry } from '../../extauthz/support/yaml.ts';
import { Draw, largeAsk, largeSet } from '../../property/large-set.ts';

const bytesOf = (buffer: SharedArrayBuffer): string => Buffer.from(buffer).toString('base64');

describe('a flat snapshot', () => {
  test('is the same bytes for the same set', () => {
    const yaml = largeSet(new Draw(1), 200, 20);
    expect(bytesOf(snapshotOf(yaml).buffer)).toBe(bytesOf(snapshotOf(yaml).buffer));
    expect(bytesOf(snapshotOf(largeSet(new Draw(2), 200, 20)).buffer)).not.toBe(bytesOf(snapshotOf(yaml).buffer));
  });

  test('has the same revision in whatever order its objects are written', () => {
    const yaml = policiesYaml(
      [
        { ...access('ALLOW', source({ groups: ['b', 'a'] }), operation({ paths: ['/a/{*}'] })), name: 'x' },
        { ...access('DENY', when('request.headers[x-b]', ['b']), when('request.auth.claims[c]', ['c'])), name: 'y' },
        { ...istio('ALLOW', when('request.headers[x-a]', ['a'])), name: 'z' },
      ],
      [
        ...['a', 'b', 'c'].map((name) => ({
          apiVersion: 'portcullis.dev/v1',
          kind: 'PrincipalGroup',
          metadata: { name, namespace: 'shop' },
          spec: { spiffeIds: [`cluster.local/ns/${name}/*`], ...(name === 'a' ? { groups: ['c'] } : {}) },
        })),
        workloadEntry('o', '10.0.0.2', { app: 'o', tier: 'x' }, 'orders'),
        workloadEntry('p', '10.0.0.1', { tier: 'x', app: 'p' }),
      ],
    );
    const { items } = JSON.parse(yaml) as { readonly items: readonly unknown[] };
    const inOrder = (order: readonly unknown[]): string =>
      snapshotOf(JSON.stringify({ apiVersion: 'v1', kind: 'List', items: order })).revision;
    for (let shift = 0; shift < items.length; shift++) {
      const order = [...items.slice(shift), ...items.slice(0, shift)];
      expect(inOrder(order)).toBe(snapshotOf(yaml).revision);
      expect(inOrder(order.toReversed())).toBe(snapshotOf(yaml).revision);
    }
  });

  test('decides wherever its bytes are copied to', () => {
    const draw = new Draw(3);
    const snapshot = snapshotOf(largeSet(draw, 150, 20));
    const copy = new SharedArrayBuffer(snapshot.buffer.byteLength);
    new Uint8Array(copy).set(new Uint8Array(snapshot.buffer));
    const opened = openSnapshot(copy, SETTINGS);
    expect(opened.revision).toBe(snapshot.revision);
    for (let i = 0; i < 40; i++) {
      const ask = largeAsk(draw);
      const { reason, rule } = decisionOf(snapshot, ask);
      expect(decisionOf(opened, ask)).toMatchObject({ reason });
      expect(decisionOf(opened, ask).rule?.ordinal).toBe(rule?.ordinal);
    }
  });
});
