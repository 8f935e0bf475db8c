import { toBinary, fromJson, type JsonValue } from '@bufbuild/protobuf';
import { describe, expect, test } from '@jest/globals';
import { checkRequestType } from '../../src/extauthz/json/proto-types.ts';
import { files, jsonLines, portcullis, portcullisProcess, request, SHOP, start } from './support.ts';

const TIMEOUT_MS = 60_000;

function bytesOf(value: Record<string, unknown>): string {
  const bytes = toBinary(checkRequestType(), fromJson(checkRequestType(), value as JsonValue));
  return Buffer.from(bytes).toString('base64');
}

describe('portcullis check', () => {
  test(
    'prints one decision for each line, in order, allowed or denied',
    async () => {
      using dir = files({ 'policies/shop.yaml': SHOP });
      const requests = [
        request(),
        request({ method: 'DELETE' }),
        request({ method: 'POST' }),
        request({ path: '/a/../b' }),
      ];
      const lines = requests.map((each) => JSON.stringify(each));
      dir.write('requests.jsonl', `${lines.join('\r\n')}\r\n\r\n${JSON.stringify({ bytes: bytesOf(request()) })}`);
      const { code, stdout, stderr } = await portcullis([
        'check',
        ...['--policies', dir.at('policies'), '--requests', dir.at('requests.jsonl'), '--format', 'json'],
      ]);
      expect(stderr).toBe('');
      expect(code).toBe(0);
      const [allowed, ...others] = jsonLines(stdout);
      expect(allowed).toStrictEqual({
        decision: 'allow',
        httpStatus: 200,
        reason: 'allow_rule',
        policy: 'shop/orders',
        rule: 'gateway-reads',
        revision: expect.stringMatching(/^[0-9a-f]{16}$/),
        headersSet: { 'x-policy': 'shop/orders' },
        headersRemoved: ['x-debug'],
        querySet: {},
        queryRemoved: [],
        responseHeaders: {},
        body: null,
        shadow: null,
      });
      const denied = { decision: 'deny', headersSet: {}, headersRemoved: [] };
      expect(others).toMatchObject([
        { ...denied, httpStatus: 403, reason: 'deny_rule', policy: 'shop/no-delete', rule: 0 },
        { ...denied, httpStatus: 403, reason: 'no_rule_matched', policy: null, rule: null, body: 'access denied\n' },
        { ...denied, httpStatus: 400, reason: 'malformed_path', policy: null, rule: null },
        allowed,
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    'tells which lines are no request, decides the rest, and ends with 2',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      const stdin = [
        JSON.stringify(request()),
        '{bad',
        '{"attributes":{"x":1}}',
        '{"bytes":"//8="}',
        JSON.stringify(request()),
      ];
      const args = ['check', '--policies', dir.path, '--requests', '-'];
      const { code, stdout, stderr } = await portcullis(args, { stdin: stdin.join('\n') });
      expect(code).toBe(2);
      expect(jsonLines(stdout)).toMatchObject([
        { decision: 'allow' },
        { error: { line: 2, code: 'not-json' } },
        { error: { line: 3, code: 'not-a-check-request' } },
        { error: { line: 4, code: 'not-a-check-request' } },
        { decision: 'allow' },
      ]);
      expect(stderr.split('\n')).toStrictEqual([
        expect.stringMatching(/^-:2: not-json: /),
        expect.stringMatching(/^-:3: not-a-check-request: .*"x"/),
        '-:4: not-a-check-request: the bytes are no CheckRequest',
        '',
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    'takes one request over several lines, and writes text when asked for it',
    async () => {
      using dir = files({ 'shop.yaml': SHOP, 'request.json': `\ufeff${JSON.stringify(request(), null, 2)}` });
      const args = [
        'check',
        '--policies',
        dir.at('shop.yaml'),
        '--request',
        dir.at('request.json'),
        '--format',
        'text',
      ];
      expect(await portcullis(args)).toStrictEqual({
        code: 0,
        stdout: [
          '1: allow 200 allow_rule by shop/orders rule gateway-reads',
          '    set x-policy: shop/orders',
          '    remove x-debug',
          '',
        ].join('\n'),
        stderr: '',
      });
    },
    TIMEOUT_MS,
  );

  test(
    'a set with errors is told whole on standard error, and nothing is decided',
    async () => {
      using dir = files({
        'a.yaml': SHOP.replace('action: ALLOW', 'action: ALOW'),
        'b.yaml': SHOP.replaceAll('namespace: shop', 'namespace: other').replace('methods: [GET]', 'methods: ["G ET"]'),
        'request.json': JSON.stringify(request()),
      });
      const args = ['check', '--policies', dir.at('a.yaml'), '--policies', dir.at('b.yaml')];
      const { code, stdout, stderr } = await portcullis([...args, '--request', dir.at('request.json')]);
      expect({ code, stdout }).toStrictEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(`${dir.at('a.yaml')}:6:11: error unknown-value: unknown value \`ALOW\``);
      expect(stderr).toContain(`${dir.at('b.yaml')}:10:35: error bad-method:`);
      expect(stderr).toContain('portcullis: the policies are not valid (2 errors)');
    },
    TIMEOUT_MS,
  );

  test(
    'the configuration counts, and its mistakes are told with their place',
    async () => {
      using dir = files({
        'shop.yaml': SHOP,
        'request.json': JSON.stringify({
          attributes: { ...(request()['attributes'] as object), contextExtensions: { namespace: 'x' } },
        }),
        'good.yaml': 'defaultAction: ALLOW\n',
        'bad.yaml': 'defaultAction: MAYBE\n',
      });
      const args = ['check', '--policies', dir.at('shop.yaml'), '--request', dir.at('request.json')];
      const good = await portcullis([...args, '--config', dir.at('good.yaml')]);
      expect(jsonLines(good.stdout)).toMatchObject([{ reason: 'default_allow' }]);
      const overridden = await portcullis([...args, '--config', dir.at('good.yaml')], {
        env: { PORTCULLIS_DEFAULT_ACTION: 'DENY' },
      });
      expect(jsonLines(overridden.stdout)).toMatchObject([{ reason: 'default_deny' }]);
      const bad = await portcullis([...args, '--config', dir.at('bad.yaml')]);
      expect(bad).toMatchObject({ code: 2, stdout: '' });
      expect(bad.stderr).toContain(
        `${dir.at('bad.yaml')}:1:16: error bad-value: \`defaultAction\` cannot be \`MAYBE\``,
      );
    },
    TIMEOUT_MS,
  );

  test.each([
    ['no request', ['check', '--policies', 'DIR'], 'say what to decide'],
    [
      'both kinds of requests',
      ['check', '--policies', 'DIR', '--request', 'a', '--requests', 'b'],
      'cannot be used with',
    ],
    [
      'a file that is not there',
      ['check', '--policies', 'DIR', '--requests', '/nowhere.jsonl'],
      '/nowhere.jsonl` cannot be read',
    ],
    ['a directory for a file', ['check', '--policies', 'DIR', '--requests', '/'], '`/` cannot be read'],
    [
      'policies that are not there',
      ['check', '--policies', '/nowhere', '--requests', '-'],
      '/nowhere:1:1: error missing-path',
    ],
    [
      'an unknown format',
      ['check', '--policies', 'DIR', '--requests', '-', '--format', 'xml'],
      'Allowed choices are text, json',
    ],
  ])(
    '%s is bad usage',
    async (_name, args, message) => {
      using dir = files({ 'shop.yaml': SHOP });
      const outcome = await portcullis(args.map((arg) => (arg === 'DIR' ? dir.path : arg)));
      expect(outcome).toMatchObject({ code: 2, stdout: '' });
      expect(outcome.stderr).toContain(message);
    },
    TIMEOUT_MS,
  );

  test(
    'thousands of lines come out as they go in, and a reader that leaves ends it',
    async () => {
      using dir = files({ 'shop.yaml': SHOP });
      const count = 5000;
      const stdin = Array.from({ length: count }, (_, i) => JSON.stringify(request({ path: `/orders/${i}` }))).join(
        '\n',
      );
      const args = ['check', '--policies', dir.path, '--requests', '-'];
      const { code, stdout, stderr: told } = await portcullisProcess(args, { stdin });
      expect({ code, told }).toStrictEqual({ code: 0, told: '' });
      expect(jsonLines(stdout).filter(({ decision }) => decision === 'allow')).toHaveLength(count);

      const child = start(args);
      child.stdin.on('error', () => undefined).end(stdin);
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.stdout.once('data', () => child.stdout.destroy());
      const left = await new Promise((resolve) => child.once('exit', (exitCode) => resolve(exitCode)));
      expect({ left, stderr }).toStrictEqual({ left: 0, stderr: '' });
    },
    TIMEOUT_MS,
  );
});
