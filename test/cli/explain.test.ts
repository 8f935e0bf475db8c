import { expect, test } from '@jest/globals';
import { files, jsonLines, portcullis, request, SHOP } from './support.ts';

const TIMEOUT_MS = 60_000;

test(
  'names for every rule that did not match the first field that failed',
  async () => {
    using dir = files({ 'shop.yaml': SHOP, 'request.json': JSON.stringify(request({ method: 'POST' })) });
    const args = ['explain', '--policies', dir.at('shop.yaml'), '--request', dir.at('request.json')];
    const { code, stdout, stderr } = await portcullis(args);
    expect({ code, stderr }).toStrictEqual({ code: 0, stderr: '' });
    expect(stdout).toBe(`1: deny  403 no_rule_matched
  because ALLOW policies apply to the workload, and none of their rules matched
  workload shop/? (app=orders), known from contextExtensions
  shop/no-delete (AuthorizationPolicy, DENY)
    ✗ rule 0 failed at to[0].operation.methods
        rule wants  DELETE
        request has POST
  shop/orders (AccessPolicy, ALLOW)
    ✗ rule gateway-reads failed at to[0].operation.methods
        rule wants  GET
        request has POST
    ✗ rule 1 failed at from[0].source.namespaces
        rule wants  ops
        request has spiffe://cluster.local/ns/edge/sa/gateway
`);
  },
  TIMEOUT_MS,
);

test(
  'says what a negated field does not want',
  async () => {
    using dir = files({ 'shop.yaml': SHOP });
    const stdin = JSON.stringify(request({ path: '/x', principal: 'spiffe://cluster.local/ns/ops/sa/guest' }));
    const { stdout } = await portcullis(['explain', '--policies', dir.path, '--request', '-'], { stdin });
    expect(stdout).toContain(`    ✗ rule 1 failed at from[0].source.notPrincipals
        rule wants  not cluster.local/ns/ops/sa/guest
        request has spiffe://cluster.local/ns/ops/sa/guest
`);
  },
  TIMEOUT_MS,
);

test(
  'the same as JSON, with the decision of check',
  async () => {
    using dir = files({ 'shop.yaml': SHOP });
    const stdin = [request(), request({ method: 'DELETE' }), request({ path: '//' })].map((each) =>
      JSON.stringify(each),
    );
    const inputs = ['--policies', dir.path, '--requests', '-', '--format', 'json'];
    const explained = await portcullis(['explain', ...inputs], { stdin: stdin.join('\n') });
    const checked = await portcullis(['check', ...inputs], { stdin: stdin.join('\n') });
    expect(explained).toMatchObject({ code: 0, stderr: '' });
    const explanations = jsonLines(explained.stdout);
    expect(explanations).toMatchObject(jsonLines(checked.stdout));
    expect(explanations[0]).toMatchObject({
      workload: 'shop/? (app=orders)',
      workloadSource: 'contextExtensions',
      refusal: null,
      policies: [
        {
          kind: 'AccessPolicy',
          policy: 'shop/orders',
          action: 'ALLOW',
          mode: 'enforce',
          rules: [
            { rule: 'gateway-reads', index: 0, matched: true, firstFailed: null },
            {
              rule: '1',
              index: 1,
              matched: false,
              firstFailed: { field: 'from[0].source.namespaces', wanted: ['ops'] },
            },
          ],
        },
        { kind: 'AuthorizationPolicy', policy: 'shop/no-delete', rules: [{ matched: false }] },
      ],
    });
    expect(explanations[2]).toMatchObject({ reason: 'malformed_path', policies: [], refusal: expect.any(String) });
  },
  TIMEOUT_MS,
);
