import { describe, expect, test } from '@jest/globals';
import type { Ask } from '../extauthz/support/engine.ts';
import { policySet } from '../extauthz/support/engine.ts';
import { access, istio, operation, policiesYaml } from '../extauthz/support/yaml.ts';
import { files, portcullis } from '../cli/support.ts';
import {
  ALLOWED,
  BAD_PATH,
  DENIED,
  EVALUATE,
  NOT_MATCHED,
  answerTo,
  row,
  verdictOf,
  withBytes,
  worldOf,
} from './support.ts';

const PUBLIC = operation({ paths: ['/public', '/public/*'] });
const ADMIN = operation({ paths: ['/admin', '/admin/*'] });

/** The four ways to write a rule about paths. ALLOW opens what is public, DENY closes what is not. */
const WORLDS = {
  'AccessPolicy ALLOW': worldOf([access('ALLOW', PUBLIC)]),
  'AccessPolicy DENY': worldOf([access('DENY', ADMIN), access('ALLOW', {})]),
  'AuthorizationPolicy ALLOW': worldOf([istio('ALLOW', PUBLIC)]),
  'AuthorizationPolicy DENY': worldOf([istio('DENY', ADMIN), istio('ALLOW', {})]),
} as const;
const EVALUATED = {
  allow: worldOf([access('ALLOW', PUBLIC)], EVALUATE),
  deny: worldOf([access('DENY', ADMIN), access('ALLOW', {})], EVALUATE),
} as const;

function everywhere(ask: Ask | Buffer): readonly string[] {
  return Object.values(WORLDS).map((world) => answerTo(world, ask));
}

/** All four, what is not allowed being told apart by none. */
const REFUSED = [BAD_PATH, BAD_PATH, BAD_PATH, BAD_PATH];
const PASSED = [ALLOWED, ALLOWED, ALLOWED, ALLOWED];

/** Refused by the gate, whatever the rules; the twin is let through. */
function refuses(paths: readonly string[], ...twins: readonly string[]): void {
  test.each(paths)('%j is answered 400 before any rule', (path) => {
    expect(everywhere({ path })).toEqual(REFUSED);
  });
  test.each(['/public/x', ...twins])('%j is an ordinary path', (path) => {
    expect(everywhere({ path })).toEqual(PASSED);
  });
}

/** With `evaluate`: begins as something public, and some reader of it ends up at what is not. */
function reachesAdmin(paths: readonly string[]): void {
  test.each(paths)('%j is seen through when the gate is open', (path) => {
    expect([answerTo(EVALUATED.allow, { path }), answerTo(EVALUATED.deny, { path })]).toEqual([NOT_MATCHED, DENIED]);
  });
  test('a path that leads nowhere else is allowed with the gate open', () => {
    for (const path of ['/public/x', '/public/a/../b', '/public/./b', '/public//b'])
      expect([answerTo(EVALUATED.allow, { path }), answerTo(EVALUATED.deny, { path })]).toEqual([ALLOWED, ALLOWED]);
  });
}

row('3.1', 'query and fragment', () => {
  refuses([
    '/public/x#',
    '/public/x#/admin',
    '/public#x',
    '/public/x?a#b',
    '/public/x?#',
    '#',
    '/#/admin',
    '/public/#?x',
  ]);

  test.each(['/admin?/public/x', '/admin?x=/public/../public', '/admin??/public/', '/admin?', '/admin/?public'])(
    '%j is decided by what stands before the first `?`',
    (path) => {
      expect(everywhere({ path })).toEqual([NOT_MATCHED, DENIED, NOT_MATCHED, DENIED]);
    },
  );

  test.each([
    '/public/x?',
    '/public/x??',
    '/public/x?/admin',
    '/public/x?a=/../admin',
    '/public/x?%2e%2e%2f%00%zz//\\',
  ])('%j is not decided by its query', (path) => {
    expect(everywhere({ path })).toEqual(PASSED);
  });

  test.each(['/admin%3f', '/admin%3Fx', '/admin%3f/public', '/admin%23', '/admin%23x/y', '/adm%69n%3f'])(
    'a DENY of AccessPolicy sees %j cut where an application may cut it',
    (path) => {
      expect(answerTo(WORLDS['AccessPolicy DENY'], { path })).toBe(DENIED);
      const exact = worldOf([access('ALLOW', operation({ paths: ['/admin'] }))]);
      expect([answerTo(exact, { path }), answerTo(exact, { path: '/admin' })]).toEqual([NOT_MATCHED, ALLOWED]);
    },
  );

  reachesAdmin(['/public/../admin%3f/x', '/public/..%2fadmin%3fx', '/public/../admin%23x']);
});

row('3.1', 'dot segments', () => {
  test('negated fields, with the gate open: ALLOW needs every form outside, DENY any', () => {
    const allow = worldOf([access('ALLOW', operation({ notPaths: ['/admin', '/admin/*'] }))], EVALUATE);
    const deny = worldOf(
      [access('DENY', operation({ notPaths: ['/public', '/public/*'] })), access('ALLOW', {})],
      EVALUATE,
    );
    for (const path of [
      '/x/../admin',
      '/x/..;/admin',
      '/x/%2e%2e/admin/y',
      '//admin',
      '/admin;x',
      '/%61dmin',
      '/admin/../x',
    ])
      expect([path, answerTo(allow, { path })]).toEqual([path, NOT_MATCHED]);
    for (const path of ['/public/../x', '/x/../public', '/public/..;/x', '/publi%63x', '//x', '/public/..%2fx'])
      expect([path, answerTo(deny, { path })]).toEqual([path, DENIED]);
    expect([answerTo(allow, { path: '/x/../y' }), answerTo(deny, { path: '/public/a/../b' })]).toEqual([
      ALLOWED,
      ALLOWED,
    ]);
  });

  test('a path of more forms than are looked at is none that is allowed, and one that is denied', () => {
    const path = '/public/%252525252e;a/..;b/%25252f//./%255c\\;x/../%2523y/%253fz/..;/x';
    expect([answerTo(EVALUATED.allow, { path }), answerTo(EVALUATED.deny, { path })]).toEqual([NOT_MATCHED, DENIED]);
    expect([answerTo(EVALUATED.allow, { path: '/public/x' }), answerTo(EVALUATED.deny, { path: '/public/x' })]).toEqual(
      [ALLOWED, ALLOWED],
    );
  });

  const attacks = [
    '/public/../admin',
    '/public/x/../../admin',
    '/public/./../admin',
    '/public/%2e%2e/admin',
    '/public/%2E%2E/admin',
    '/public/%2e%2E/admin',
    '/public/.%2e/admin',
    '/public/%2E./admin',
    '/public/../admin/x',
  ];
  refuses(
    [
      ...attacks,
      '/public/..',
      '/public/.',
      '/public/%2e',
      '/public/./',
      '/./public',
      '/../public',
      '/..',
      '/.',
      '/%2e',
    ],
    '/public/...',
    '/public/.hidden',
    '/public/a..b',
    '/public/a/..b',
  );
  reachesAdmin(attacks);
});

row('3.1', '`..;/`, `.;x`, `;params`', () => {
  const attacks = [
    '/public/..;/admin',
    '/public/..;x/admin',
    '/public/..;a=b;c/admin',
    '/public/..%3b/admin',
    '/public/..%3Bx/admin',
    '/public/%2e%2e;/admin',
    '/public/%2e%2e%3b/admin',
    '/public/.;x/..;y/admin',
  ];
  refuses(
    [
      ...attacks,
      '/public/.;',
      '/public/.;x',
      '/public/..;',
      '/public/%2E;x/y',
      '/;/public',
      '/public/;/x',
      '/public/;a=b/x',
    ],
    '/public/x;v=1',
  );
  reachesAdmin(attacks);

  test.each(['/admin;x', '/admin;', '/admin;a=b/x', '/admin;/x', '/adm%69n;x'])(
    'a DENY of AccessPolicy sees %j without its parameters',
    (path) => {
      expect(answerTo(WORLDS['AccessPolicy DENY'], { path })).toBe(DENIED);
      expect(answerTo(EVALUATED.deny, { path })).toBe(DENIED);
    },
  );

  test.each(['/public;x/y', '/public;/y', '/public;a=b'])('an ALLOW of AccessPolicy needs %j with them too', (path) => {
    const exact = worldOf([access('ALLOW', operation({ paths: [path.replace(/;[^/]*/g, '')] }))]);
    expect(answerTo(exact, { path })).toBe(NOT_MATCHED);
    expect(answerTo(exact, { path: path.replace(/;[^/]*/g, '') })).toBe(ALLOWED);
  });
});

row('3.1', 'empty segments', () => {
  refuses(
    ['//admin', '//public/x', '///', '//', '/public//x', '/public//', '/public///x', '//x@evil/public', '/public/x//'],
    '/public/x/',
  );
  reachesAdmin(['/public//../admin', '/public/..//admin', '/public//..//admin']);

  test.each(['//admin', '///admin', '//admin/x', '/admin//', '/admin//x', '/x//../admin'])(
    'a DENY meets %j merged, with the gate open',
    (path) => {
      expect(answerTo(EVALUATED.deny, { path })).toBe(DENIED);
    },
  );
});

row('3.1', 'escaped slash, backslash', () => {
  const attacks = [
    '/public/..%2fadmin',
    '/public/..%2Fadmin',
    '/public/..\\admin',
    '/public/..%5cadmin',
    '/public/..%5Cadmin',
    '/public/%2e%2e%5cadmin',
  ];
  refuses(
    [
      ...attacks,
      '/public%2f..%2fadmin',
      '/public\\..\\admin',
      '/public/%2%65%2%65/admin',
      '/public\\x',
      '/public/%2f',
      '/public/x%2F',
      '/public/%5c',
      '/public/x%5Cy',
      '\\public',
      '%2fpublic',
      '/%2fpublic',
      '/%5cpublic',
    ],
    '/public/x%2dy',
  );
  reachesAdmin(attacks);

  test.each([
    '/x/..%2fadmin',
    '/%2fadmin',
    '/\\admin',
    '/%5Cadmin',
    '/admin%2fx',
    '/admin%2Fx',
    '/admin\\x',
    '/admin%5cx',
  ])('a DENY meets %j decoded, with the gate open', (path) => {
    expect(answerTo(EVALUATED.deny, { path })).toBe(DENIED);
  });
});

row('3.1', 'double encoding', () => {
  const attacks = [
    '/public/%252e%252e/admin',
    '/public/..%252fadmin',
    '/public/..%252Fadmin',
    '/public/..%255cadmin',
    '/public/%25252e%25252e/admin',
    '/public/.%252e/admin',
  ];
  refuses(
    [...attacks, '/public/%2525', '/public/%2541', '/public/%25%34%31', '/public/%2500'],
    '/public/100%25',
    '/public/100%25x',
    '/public/100%25/2',
  );
  reachesAdmin(attacks);
});

row('3.1', 'NUL, controls, non-ASCII', () => {
  const raw = Array.from({ length: 0x21 }, (_, byte) => byte).concat(0x7f);
  const escaped = raw.filter((byte) => byte !== 0x20).map((byte) => `%${byte.toString(16).padStart(2, '0')}`);
  test.each(raw)('the byte %i is refused wherever it stands', (byte) => {
    const char = String.fromCharCode(byte);
    for (const path of [`/public/${char}`, `${char}/public/x`, `/public/x${char}/y`, `/public/x?${char}`])
      expect([path, everywhere({ path })]).toEqual([path, REFUSED]);
  });
  test.each([0x80, 0x85, 0xa0, 0xc0, 0xe9, 0xfe, 0xff])('the byte %i is refused', (byte) => {
    expect(everywhere(withBytes({ path: '/public/Q' }, 'Q', [byte]))).toEqual(REFUSED);
    expect(everywhere(withBytes({ path: '/public/x?Q' }, 'Q', [byte]))).toEqual(REFUSED);
  });
  refuses(
    escaped.flatMap((escape) => [`/public/${escape}`, `/public/x${escape.toUpperCase()}/y`]),
    '/public/a%20b',
  );
  refuses(
    ['/public/caf\u00e9', '/public/\u2025/admin', '/public/\uff0e\uff0e/admin', '/public/\ufeff'],
    '/public/caf%C3%A9',
  );

  test.each([
    ['NUL', 0],
    ['a high byte', 0xff],
  ] as const)('%s never keeps a DENY from matching, with the gate open', (_what, byte) => {
    const world = worldOf(
      [access('DENY', operation({ paths: ['/admin/{**}', '*.key'] })), access('ALLOW', {})],
      EVALUATE,
    );
    expect(answerTo(world, withBytes({ path: '/admin/Q.key' }, 'Q', [byte]))).toBe(DENIED);
    expect(answerTo(world, { path: '/admim/Q.kez' })).toBe(ALLOWED);
  });
});

row('3.1', 'bad percent escapes, overlong UTF-8', () => {
  refuses(
    [
      '/public/%',
      '/public/%2',
      '/public/%zz',
      '/public/%2g',
      '/public/%g2',
      '/public/%%32e',
      '/public/% 2',
      '/public/%u002e',
      '/public/%U002F',
      '/public/%x2e',
      '/public/x%/y',
      '/public/%c0%ae%c0%ae/admin',
      '/public/..%c0%afadmin',
      '/public/%C0%AF',
      '/public/%e0%80%af',
      '/public/%f0%80%80%af',
      '/public/%c1%9c',
      '/public/%ed%a0%80',
      '/public/%f4%90%80%80',
      '/public/%80',
      '/public/%ff',
      '/public/%c3',
      '/public/%E9',
    ],
    '/public/%F0%9F%98%80',
  );
});

row('3.1', 'trailing slash', () => {
  test('makes another path for what is written exactly, and the same class for a prefix', () => {
    const path = (text: string): Record<string, unknown> => operation({ paths: [text] });
    for (const kind of [access, istio]) {
      const world = worldOf([kind('ALLOW', path('/a'), path('/b/'))]);
      expect(['/a', '/a/', '/b', '/b/'].map((each) => answerTo(world, { path: each }))).toEqual([
        ALLOWED,
        NOT_MATCHED,
        NOT_MATCHED,
        ALLOWED,
      ]);
    }
  });

  test('that gets past a DENY is told by lint', async () => {
    using dir = files({ 'p.yaml': policiesYaml([access('DENY', operation({ paths: ['/admin'] }))]) });
    const told = await portcullis(['lint', dir.path]);
    expect(told.stdout + told.stderr).toContain('trailing-slash');
    dir.write('p.yaml', policiesYaml([access('DENY', operation({ paths: ['/admin', '/admin/*'] }))]));
    const silent = await portcullis(['lint', dir.path]);
    expect(silent.stdout + silent.stderr).not.toContain('trailing-slash');
  });
});

row('3.1', 'path case', () => {
  test.each(['/Public/x', '/PUBLIC/x', '/publiC/x', '/publ%49c/x'])('%j is not the path that is allowed', (path) => {
    expect(answerTo(WORLDS['AccessPolicy ALLOW'], { path })).toBe(NOT_MATCHED);
    expect(answerTo(WORLDS['AuthorizationPolicy ALLOW'], { path })).toBe(NOT_MATCHED);
    expect(answerTo(WORLDS['AccessPolicy ALLOW'], { path: path.toLowerCase().replace('%49', 'i') })).toBe(ALLOWED);
  });

  test('an escape that nobody needs does not hide what AccessPolicy denies', () => {
    for (const path of ['/%61dmin', '/adm%69n/x', '/%61%64%6d%69%6e', '/%61%64%6D%69%6E'])
      expect(answerTo(WORLDS['AccessPolicy DENY'], { path })).toBe(DENIED);
    expect(answerTo(WORLDS['AccessPolicy DENY'], { path: '/%62dmin' })).toBe(ALLOWED);
  });
});

row('3.1', 'no leading slash, `*`, absolute form, CONNECT', () => {
  refuses(
    [
      'public/x',
      '*',
      'http://orders.shop/public/x',
      'HTTP://x/public',
      'orders.shop:443',
      '?x',
      ';/public/x',
      './public',
      '@/public',
      '',
    ],
    '/public/*',
  );

  test('OPTIONS * is refused, OPTIONS of a path is not', () => {
    expect(everywhere({ method: 'OPTIONS', path: '*' })).toEqual(REFUSED);
    expect(everywhere({ method: 'OPTIONS', path: '/public/x' })).toEqual(PASSED);
  });

  test('CONNECT without a path is allowed only by rules without paths, and no query is changed', () => {
    const ask: Ask = { method: 'CONNECT', path: '' };
    expect(everywhere(ask)).toEqual([NOT_MATCHED, ALLOWED, NOT_MATCHED, ALLOWED]);
    const query = {
      ...operation({ methods: ['CONNECT', 'GET'] }),
      respond: { request: { query: { set: { a: 'b' }, remove: ['c'] } } },
    };
    const world = worldOf([access('ALLOW', query)]);
    const changes = [ask, { path: '/x' }].map((each) => {
      const { okResponse } = verdictOf(world, each).response;
      return [okResponse?.queryParametersToSet ?? [], okResponse?.queryParametersToRemove ?? []];
    });
    expect(changes).toEqual([
      [[], []],
      [[{ key: 'a', value: 'b' }], ['c']],
    ]);
  });

  test.each(['connect', 'GET', 'OPTIONS', 'CONNECTX'])('%s without a path is refused', (method) => {
    expect(everywhere({ method, path: '' })).toEqual(REFUSED);
  });

  test('a notPaths of DENY matches where there is no path', () => {
    for (const kind of [access, istio]) {
      const world = worldOf([kind('DENY', operation({ notPaths: ['/public/*'] })), kind('ALLOW', {})]);
      expect(answerTo(world, { method: 'CONNECT', path: '' })).toBe(DENIED);
      expect(answerTo(world, { path: '/public/x' })).toBe(ALLOWED);
    }
  });
});

row('3.1', 'templates and odd characters', () => {
  const template = operation({ paths: ['/files/{*}', '/tree/{**}/end'] });
  const allow = worldOf([access('ALLOW', template)]);
  const deny = worldOf([access('DENY', template), access('ALLOW', {})]);

  test.each([
    '/files/*',
    '/files/{*}',
    '/files/[x]',
    '/files/a[',
    '/files/|',
    '/files/"x"',
    '/files/<x>',
    '/files/^`',
    '/tree/[/end',
  ])('%j does not slip by a DENY made with a template', (path) => {
    expect(answerTo(deny, { path })).toBe(DENIED);
    expect(answerTo(deny, { path: path.replace('/files', '/other').replace('/tree', '/other') })).toBe(ALLOWED);
  });

  test.each(['/files/a/b', '/files/', '/files', '/filesx/a', '/files/a%2fb'])('%j is not what `{*}` allows', (path) => {
    expect(answerTo(allow, { path })).toBe(path.includes('%') ? BAD_PATH : NOT_MATCHED);
    expect(answerTo(allow, { path: '/files/a' })).toBe(ALLOWED);
  });

  test.each(['/a/{', '/a/}', '/a/{x}', '/a/{***}', '/a{*}', '/a/{**}/{**}', '/a/{**}/{*}', '/{*}b'])(
    'the set with the template %j is refused',
    (path) => {
      for (const kind of [access, istio])
        expect(() => policySet(policiesYaml([kind('DENY', operation({ paths: [path] }))]))).toThrow(
          'bad-path-template',
        );
      expect(() => policySet(policiesYaml([access('DENY', operation({ paths: ['/a/{*}'] }))]))).not.toThrow();
    },
  );
});

row('3.1', 'header copies of the path', () => {
  const names = [
    'x-envoy-original-path',
    'x-original-url',
    'x-rewrite-url',
    'x-forwarded-uri',
    'x-original-uri',
    'x-forwarded-path',
    'x-forwarded-prefix',
  ];
  describe.each(names)('%s', (name) => {
    test('neither opens nor closes anything', () => {
      expect(everywhere({ path: '/admin', headers: { [name]: '/public/x' } })).toEqual([
        NOT_MATCHED,
        DENIED,
        NOT_MATCHED,
        DENIED,
      ]);
      expect(everywhere({ path: '/public/x', headers: { [name]: '/admin' } })).toEqual(PASSED);
    });
  });

  test('a `:path` among the headers that is another one is refused', () => {
    expect(answerTo(WORLDS['AccessPolicy ALLOW'], { path: '/public/x', headers: { ':path': '/admin' } })).toBe(
      '400 malformed_header',
    );
    expect(answerTo(WORLDS['AccessPolicy ALLOW'], { path: '/public/x', headers: { ':path': '/public/x' } })).toBe(
      ALLOWED,
    );
  });
});
