import { describe, expect, test } from '@jest/globals';
import { policySet } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml } from '../extauthz/support/yaml.ts';
import { files, portcullis } from '../cli/support.ts';
import {
  ALLOWED,
  BAD_HEADER,
  BAD_HOST,
  BAD_METHOD,
  BAD_PATH,
  DENIED,
  EVALUATE,
  NOT_MATCHED,
  answerTo,
  row,
  withBytes,
  worldOf,
} from './support.ts';

const SHOP = operation({ hosts: ['shop.example', '*.shop.example'] });
const WORLDS = {
  'AccessPolicy ALLOW': worldOf([access('ALLOW', SHOP)]),
  'AccessPolicy DENY': worldOf([access('DENY', SHOP), access('ALLOW', {})]),
  'AuthorizationPolicy ALLOW': worldOf([istio('ALLOW', SHOP)]),
  'AuthorizationPolicy DENY': worldOf([istio('DENY', SHOP), istio('ALLOW', {})]),
} as const;

function safely(host: string): readonly string[] {
  return [answerTo(WORLDS['AccessPolicy ALLOW'], { host }), answerTo(WORLDS['AccessPolicy DENY'], { host })];
}
function everywhere(host: string): readonly string[] {
  return Object.values(WORLDS).map((world) => answerTo(world, { host }));
}

/** ALLOW lets the named host in, DENY keeps it out. */
const NAMED = [ALLOWED, DENIED];
const OTHER = [NOT_MATCHED, ALLOWED];
const REFUSED = [BAD_HOST, BAD_HOST, BAD_HOST, BAD_HOST];

row('3.2', 'host case', () => {
  test.each(['SHOP.EXAMPLE', 'Shop.Example', 'shop.examplE', 'A.SHOP.example'])(
    '%s is the host that is named',
    (host) => {
      expect(everywhere(host)).toEqual([...NAMED, ...NAMED]);
      expect(everywhere('other.example')).toEqual([...OTHER, ...OTHER]);
    },
  );

  test.each(['SHOP.example', '*.SHOP.Example'])('%s in a rule is any spelling of it', (written) => {
    for (const kind of [access, istio]) {
      const world = worldOf([kind('DENY', operation({ hosts: [written] })), kind('ALLOW', {})]);
      const host = written.replace('*', 'a').toLowerCase();
      expect([host, host.toUpperCase(), `x${host}x`].map((each) => answerTo(world, { host: each }))).toEqual([
        DENIED,
        DENIED,
        ALLOWED,
      ]);
    }
  });

  test('a letter that only Unicode folds is no ASCII letter', () => {
    // U+212A KELVIN SIGN folds to k.
    expect(answerTo(worldOf([access('ALLOW', operation({ hosts: ['k.example'] }))]), { host: '\u212a.example' })).toBe(
      BAD_HOST,
    );
    expect(answerTo(worldOf([access('ALLOW', operation({ hosts: ['k.example'] }))]), { host: 'K.example' })).toBe(
      ALLOWED,
    );
  });

  test('every spelling is decided alike, kept or not', () => {
    const world = worldOf([access('ALLOW', operation({ hosts: ['shop.example'] }))]);
    for (let time = 0; time < 2; time++)
      expect(
        ['evil.example', 'shop.example', 'SHOP.example', 'shop.example.', 'EVIL.example'].map((host) =>
          answerTo(world, { host }),
        ),
      ).toEqual([NOT_MATCHED, ALLOWED, ALLOWED, ALLOWED, NOT_MATCHED]);
  });
});

row('3.2', 'host with a port', () => {
  test.each(['shop.example:80', 'shop.example:8443', 'shop.example:0', 'shop.example:65535', 'SHOP.example.:443'])(
    '%s is the host without it to AccessPolicy',
    (host) => {
      expect(safely(host)).toEqual(NAMED);
      expect(safely(host.replace(/shop/i, 'shopx'))).toEqual(OTHER);
    },
  );

  test('is a host of its own to AuthorizationPolicy, as in Istio', () => {
    const world = worldOf([istio('ALLOW', operation({ hosts: ['a.example', 'b.example:*', 'c.example:80'] }))]);
    const hosts = [
      'a.example',
      'a.example:80',
      'b.example',
      'b.example:80',
      'c.example',
      'c.example:80',
      'c.example:81',
    ];
    expect(hosts.filter((host) => answerTo(world, { host }) === ALLOWED)).toEqual([
      'a.example',
      'b.example:80',
      'c.example:80',
    ]);
  });

  test.each([
    'shop.example:',
    'shop.example:x',
    'shop.example:80:80',
    'shop.example:-1',
    'shop.example:+80',
    'shop.example:65536',
    'shop.example:999999',
    'shop.example:0x50',
    'shop.example:80 ',
    ':80',
    'a:b@shop.example',
    '::1',
    '[::1',
    '[::1]x',
    '[::1]:',
    '[::1]:x',
    '[]',
    '[shop.example]',
    '[::1%25eth0]',
    '[::1][::1]',
    'x[::1]',
    '::1]',
  ])('%j is refused', (host) => {
    expect(everywhere(host)).toEqual(REFUSED);
    expect(safely('shop.example:80')).toEqual(NAMED);
  });

  test.each(['[::1]', '[::1]:80', '[FE80::1]', '[::ffff:1.2.3.4]:8080'])(
    '%s is a host, and not the one that is named',
    (host) => {
      expect(safely(host)).toEqual(OTHER);
    },
  );
});

row('3.2', 'trailing dot of a host', () => {
  test.each(['shop.example.', 'SHOP.EXAMPLE.', 'shop.example.:80', 'a.shop.example.'])(
    '%s is the host without it',
    (host) => {
      expect(safely(host)).toEqual(NAMED);
    },
  );
  test.each(['shop.example..', 'shop.example...', '.', '..', 'shop.example..:80', '.:80'])('%j is refused', (host) => {
    expect(everywhere(host)).toEqual(REFUSED);
    expect(safely('shop.example.')).toEqual(NAMED);
  });
});

row('3.2', 'several hosts', () => {
  const world = WORLDS['AccessPolicy ALLOW'];
  const host = 'shop.example';

  test.each(['host', ':authority'])('a header %s that is another host is refused, in both forms', (name) => {
    for (const value of ['evil.example', 'shop.example:81', '', 'shop.example,evil.example', 'SHOP.example']) {
      expect([value, answerTo(world, { host, headers: { [name]: value } })]).toEqual([value, BAD_HEADER]);
      expect([value, answerTo(world, { host, rawHeaders: [[name, value]] })]).toEqual([value, BAD_HEADER]);
    }
    expect(answerTo(world, { host, headers: { [name]: host } })).toBe(ALLOWED);
    expect(answerTo(world, { host, rawHeaders: [[name, host]] })).toBe(ALLOWED);
  });

  test('one of several that differs is refused, in any order', () => {
    const same = ['host', host] as const;
    const other = ['host', 'evil.example'] as const;
    expect(answerTo(world, { host, rawHeaders: [same, other] })).toBe(BAD_HEADER);
    expect(answerTo(world, { host, rawHeaders: [other, same] })).toBe(BAD_HEADER);
    expect(answerTo(world, { host, rawHeaders: [['Host', 'evil.example']] })).toBe(BAD_HEADER);
    expect(answerTo(world, { host, rawHeaders: [same, [':authority', host]] })).toBe(ALLOWED);
  });

  test.each(['x-forwarded-host', 'x-host', 'x-original-host', 'x-http-host-override', 'forwarded'])(
    '%s is not the host',
    (name) => {
      expect(answerTo(world, { host: 'evil.example', headers: { [name]: host } })).toBe(NOT_MATCHED);
      expect(answerTo(world, { host, headers: { [name]: 'evil.example' } })).toBe(ALLOWED);
    },
  );
});

row('3.2', 'empty or missing host', () => {
  test.each([
    ['hosts: [*]', { hosts: ['*'] }],
    ['hosts: [x*]', { hosts: ['s*', '*example'] }],
    ['notHosts', { notHosts: ['evil.example'], methods: ['GET'] }],
  ] as const)('is not let in by ALLOW with %s of AccessPolicy', (_what, fields) => {
    const world = worldOf([access('ALLOW', operation(fields))]);
    const expected = 'notHosts' in fields ? ALLOWED : NOT_MATCHED;
    expect(answerTo(world, { host: '' })).toBe(expected);
    expect(answerTo(world, { host: 'shop.example' })).toBe(ALLOWED);
  });

  test('is met by notHosts of a DENY', () => {
    for (const kind of [access, istio]) {
      const world = worldOf([kind('DENY', operation({ notHosts: ['shop.example'] })), kind('ALLOW', {})]);
      expect(answerTo(world, { host: '' })).toBe(DENIED);
      expect(answerTo(world, { host: 'shop.example' })).toBe(ALLOWED);
    }
  });

  test('names no host', () => {
    expect(everywhere('')).toEqual([...OTHER, ...OTHER]);
  });
});

row('3.2', 'characters of no host', () => {
  const chars = [
    ' ',
    '\t',
    ',',
    '/',
    '\\',
    '@',
    '?',
    '#',
    '%',
    ';',
    '"',
    '<',
    '>',
    '^',
    '`',
    '{',
    '|',
    '}',
    '\0',
    '\r',
    '\n',
    '\u007f',
  ];
  test.each(chars)('%j is refused wherever it stands', (char) => {
    for (const host of [`shop.example${char}`, `${char}shop.example`, `a${char}shop.example`, `shop.example${char}:80`])
      expect([host, everywhere(host)]).toEqual([host, REFUSED]);
    expect(safely('shop.example')).toEqual(NAMED);
  });
  test.each([
    'user@shop.example',
    'user:pass@shop.example',
    'shop.example@evil.example',
    'evil.example/shop.example',
    'http://shop.example',
    'a,shop.example',
    'shop.example#.evil.example',
    'sh%6fp.example',
    'xn--caf\u00e9.example',
  ])('%s is refused', (host) => {
    expect(everywhere(host)).toEqual(REFUSED);
  });
  test.each([0x80, 0xa0, 0xff])('the byte %i is refused', (byte) => {
    const message = withBytes({ host: 'Qa.shop.example' }, 'Qa.shop', [byte, ...Buffer.from('a.shop')]);
    expect(Object.values(WORLDS).map((world) => answerTo(world, message))).toEqual(REFUSED);
  });
  test('with the gate open, AccessPolicy allows no such host, and denies every one', () => {
    const allow = worldOf([access('ALLOW', operation({ hosts: ['*'] }), operation({ notHosts: ['x'] }))], EVALUATE);
    const deny = worldOf([access('DENY', SHOP), access('ALLOW', {})], EVALUATE);
    const denyNot = worldOf([access('DENY', operation({ notHosts: ['shop.example'] })), access('ALLOW', {})], EVALUATE);
    for (const host of [
      'a@shop.example',
      'shop.example..',
      'shop.example,evil',
      'shop.example:x',
      '[::1',
      'shop.example/',
    ])
      expect([host, ...[allow, deny, denyNot].map((world) => answerTo(world, { host }))]).toEqual([
        host,
        NOT_MATCHED,
        DENIED,
        DENIED,
      ]);
    expect([
      answerTo(allow, { host: 'a.example' }),
      answerTo(deny, { host: 'a.example' }),
      answerTo(denyNot, { host: 'shop.example' }),
    ]).toEqual([ALLOWED, ALLOWED, ALLOWED]);
  });
  test('a host that is too long is refused', () => {
    expect(everywhere(`${'a'.repeat(300)}.shop.example`)).toEqual(REFUSED);
    expect(safely(`${'a'.repeat(63)}.shop.example`)).toEqual(NAMED);
  });
});

row('3.2', 'method case, unknown methods, override headers', () => {
  const get = operation({ methods: ['GET', 'HEAD'] });
  const worlds = [access, istio].map((kind) => ({
    allow: worldOf([kind('ALLOW', get)]),
    deny: worldOf([kind('DENY', operation({ methods: ['DELETE'] })), kind('ALLOW', {})]),
    notAllow: worldOf([kind('ALLOW', operation({ notMethods: ['DELETE'] }))]),
    notDeny: worldOf([kind('DENY', operation({ notMethods: ['GET'] })), kind('ALLOW', {})]),
  }));

  test.each(['get', 'Get', 'gET', 'GETS', 'GE', 'BREW', 'PROPFIND', '*', 'GET*', 'DELETE'])(
    '%s is not GET',
    (method) => {
      for (const { allow, notDeny } of worlds) {
        expect(answerTo(allow, { method })).toBe(NOT_MATCHED);
        expect(answerTo(notDeny, { method })).toBe(DENIED);
        expect(answerTo(allow, { method: 'GET' })).toBe(ALLOWED);
        expect(answerTo(notDeny, { method: 'GET' })).toBe(ALLOWED);
      }
    },
  );

  test.each([
    '',
    ' GET',
    'GET ',
    'G T',
    'GET\t',
    'GET\r\n',
    'GET\0',
    'GET,POST',
    'GET/',
    'GET:',
    '(GET)',
    '"GET"',
    'G\u00cbT',
    '\u007f',
    'X'.repeat(65),
  ])('%j is no method', (method) => {
    for (const { allow, deny, notAllow, notDeny } of worlds)
      for (const world of [allow, deny, notAllow, notDeny]) expect(answerTo(world, { method })).toBe(BAD_METHOD);
    expect(answerTo(worlds[0]!.deny, { method: 'X'.repeat(64) })).toBe(ALLOWED);
  });

  test.each(['x-http-method-override', 'x-http-method', 'x-method-override', '_method'])(
    '%s is not the method',
    (name) => {
      for (const { allow, deny } of worlds) {
        expect(answerTo(allow, { method: 'POST', headers: { [name]: 'GET' } })).toBe(NOT_MATCHED);
        expect(answerTo(allow, { method: 'GET', headers: { [name]: 'DELETE' } })).toBe(ALLOWED);
        expect(answerTo(deny, { method: 'DELETE', headers: { [name]: 'GET' } })).toBe(DENIED);
      }
    },
  );

  test('that a POST can ask for another one is told by lint', async () => {
    using dir = files({ 'p.yaml': policiesYaml([access('DENY', operation({ methods: ['DELETE'] }))]) });
    const told = await portcullis(['lint', dir.path]);
    expect(told.stdout + told.stderr).toContain('method-override');
    dir.write('p.yaml', policiesYaml([access('DENY', operation({ paths: ['/x', '/x/*'] }))]));
    const silent = await portcullis(['lint', dir.path]);
    expect(silent.stdout + silent.stderr).not.toContain('method-override');
  });

  test.each(['GET ', 'G T', 'GET,POST'])(
    'a DENY of the method %j is refused, or is told of where Istio takes it',
    async (method) => {
      const text = (kind: typeof access): string => policiesYaml([kind('DENY', operation({ methods: [method] }))]);
      expect(() => policySet(text(access))).toThrow('bad-method');
      using dir = files({ 'p.yaml': text(istio) });
      const { stdout, stderr } = await portcullis(['lint', dir.path]);
      expect(stdout + stderr).toContain('value-never-matches');
      dir.write('p.yaml', policiesYaml([istio('DENY', operation({ methods: ['GET'] }))]));
      const silent = await portcullis(['lint', dir.path]);
      expect(silent.stdout + silent.stderr).not.toContain('value-never-matches');
    },
  );
});

row('3.2', 'gRPC method paths', () => {
  const call = operation({ methods: ['POST'], paths: ['/shop.Orders/Get'] });
  const admin = operation({ paths: ['/shop.Admin/*'] });

  test.each([
    ['shop.Orders/Get', BAD_PATH],
    ['//shop.Orders/Get', BAD_PATH],
    ['/shop.Orders//Get', BAD_PATH],
    ['/shop.Orders/./Get', BAD_PATH],
    ['/shop.Orders%2fGet', BAD_PATH],
    ['/shop.Orders/Get/', NOT_MATCHED],
    ['/shop.Orders/Get/x', NOT_MATCHED],
    ['/shop.Orders/get', NOT_MATCHED],
    ['/shop.orders/Get', NOT_MATCHED],
    ['/shop.Orders/%47et', NOT_MATCHED],
    ['/Orders/Get', NOT_MATCHED],
    ['/shop.Orders', NOT_MATCHED],
  ])('%s is not the method that is allowed: %s', (path, expected) => {
    for (const kind of [access, istio]) {
      const world = worldOf([kind('ALLOW', call)]);
      expect(answerTo(world, { method: 'POST', path })).toBe(expected);
      expect(answerTo(world, { method: 'POST', path: '/shop.Orders/Get' })).toBe(ALLOWED);
    }
  });

  test.each(['shop.Admin/Drop', '//shop.Admin/Drop', '/./shop.Admin/Drop', '/shop.Admin%2fDrop'])(
    'a DENY of the service is not passed by as %s',
    (path) => {
      for (const kind of [access, istio]) {
        const world = worldOf([kind('DENY', admin), kind('ALLOW', {})]);
        expect(answerTo(world, { method: 'POST', path })).toBe(BAD_PATH);
        expect(answerTo(world, { method: 'POST', path: '/shop.Admin/Drop' })).toBe(DENIED);
        expect(answerTo(world, { method: 'POST', path: '/shop.Orders/Get' })).toBe(ALLOWED);
      }
    },
  );

  describe('escaped letters', () => {
    test('of the service do not hide it from a DENY of AccessPolicy', () => {
      const world = worldOf([access('DENY', admin), access('ALLOW', {})]);
      expect(answerTo(world, { method: 'POST', path: '/shop.%41dmin/Drop' })).toBe(DENIED);
      expect(answerTo(world, { method: 'POST', path: '/shop.%42dmin/Drop' })).toBe(ALLOWED);
    });
  });
});
