import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  MAX_PATH_FORMS,
  decodeOnce,
  encodePath,
  findAmbiguity,
  pathForms,
  splitTarget,
} from '../../src/attributes/path.ts';

/** Paths made of what readers disagree about. */
const trickyPath = fc
  .array(
    fc
      .constantFrom(
        '/',
        '/',
        '/',
        '.',
        '..',
        'a',
        'b',
        ';',
        ';x=1',
        '%2e',
        '%2E',
        '%2f',
        '%5c',
        '%25',
        '%3b',
        '%3F',
        '%23',
      )
      .chain((piece) => fc.constantFrom(piece, piece, piece, `${piece}c`)),
    { maxLength: 8 },
  )
  .map((pieces) => `/${pieces.join('')}`);

const anyPath = fc.oneof(
  trickyPath,
  fc.string({
    unit: fc.constantFrom('/', '.', ';', '%', '2', 'e', 'F', '5', '\\', '#', 'a', '\x01', '\xff'),
    maxLength: 12,
  }),
);

describe('a request target', () => {
  it.each([
    ['/a?b=c', '/a', 'b=c'],
    ['/a', '/a', null],
    ['/a?', '/a', ''],
    ['/a?b?c', '/a', 'b?c'],
    ['?b', '', 'b'],
    ['', '', null],
  ])('%j is the path %j with the query %j', (target, path, query) => {
    expect(splitTarget(target)).toEqual({ path, query });
  });
});

describe('the ambiguity gate', () => {
  it.each([
    '/',
    '/orders/7',
    '/a/b/',
    '/a.b/.well-known/x..y/...',
    '/a%20b',
    '/caf%C3%A9',
    '/caf%c3%a9',
    '/a;v=1/b',
    '/a%3Bv',
    '/what%3F',
    '/c%23',
    '/100%25',
    '/100%25zz',
    '/a?x=../..//%2f%zz\\;',
    '/a?b?c',
    '/a/;x',
    "/!$&'()*+,=:@-_~",
    '/a"b<c>d^e`f{g|h}',
    '/[x]',
  ])('lets %s pass', (target) => {
    expect(findAmbiguity(target)).toBeNull();
  });

  it.each([
    ['', 'no leading slash'],
    ['a', 'no leading slash'],
    ['*', 'no leading slash'],
    ['http://example.com/', 'no leading slash'],
    ['?a', 'no leading slash'],
    ['/a b', 'a byte outside 0x21 to 0x7e'],
    ['/a\0', 'a byte outside 0x21 to 0x7e'],
    ['/a\x7f', 'a byte outside 0x21 to 0x7e'],
    ['/caf\xc3\xa9', 'a byte outside 0x21 to 0x7e'],
    ['/a?b\r\n', 'a byte outside 0x21 to 0x7e'],
    ['/a#b', 'a fragment'],
    ['/a?b#c', 'a fragment'],
    ['/%', 'a bad percent escape'],
    ['/%2', 'a bad percent escape'],
    ['/%zz', 'a bad percent escape'],
    ['/%u002f', 'a bad percent escape'],
    ['/%%32%65', 'a bad percent escape'],
    ['/%2?e', 'a bad percent escape'],
    ['/a%00', 'an escaped control byte'],
    ['/a%0d%0aX:', 'an escaped control byte'],
    ['/a%7F', 'an escaped control byte'],
    ['/a%2Fb', 'an escaped slash or a backslash'],
    ['/a%2fb', 'an escaped slash or a backslash'],
    ['/a%5Cb', 'an escaped slash or a backslash'],
    ['/a%5cb', 'an escaped slash or a backslash'],
    ['/a\\b', 'an escaped slash or a backslash'],
    ['/%252e%252e/a', 'a double escape'],
    ['/%25%32%65', 'a double escape'],
    ['/%252f', 'a double escape'],
    ['/%c0%ae', 'an escape that is no UTF-8'],
    ['/%ff', 'an escape that is no UTF-8'],
    ['/%ed%a0%80', 'an escape that is no UTF-8'],
    ['/..', 'a dot segment'],
    ['/a/../b', 'a dot segment'],
    ['/a/./b', 'a dot segment'],
    ['/a/.', 'a dot segment'],
    ['/%2e%2e/a', 'a dot segment'],
    ['/a/%2E/b', 'a dot segment'],
    ['/a/.%2e', 'a dot segment'],
    ['/..;/a', 'a dot segment'],
    ['/a/.;x=1/b', 'a dot segment'],
    ['/..%3Bx/a', 'a dot segment'],
    // Whoever decodes first and cuts at the question mark then sees `/a/..`.
    ['/a/..%3Fx', 'a dot segment'],
    ['/a/..%23x', 'a dot segment'],
    ['/a/%2e%3f', 'a dot segment'],
    ['//', 'an empty segment'],
    ['//admin', 'an empty segment'],
    ['/a//b', 'an empty segment'],
    ['/a//', 'an empty segment'],
    ['/;x/a', 'an empty segment'],
    ['/a/%3Bx/b', 'an empty segment'],
  ])('stops %j: %s', (target, problem) => {
    expect(findAmbiguity(target)).toBe(problem);
  });

  it('lets nothing pass of which some reading has a dot segment, other slashes or a backslash', () => {
    let passed = 0;
    fc.assert(
      fc.property(anyPath, (path) => {
        if (findAmbiguity(path) !== null) return;
        passed++;
        const forms = pathForms(path);
        expect(forms).not.toBeNull();
        for (const form of forms!) {
          expect(form).toMatch(/^\//);
          expect(form).not.toMatch(/\\|\/\/|\/\.\.?(\/|$)/);
          // The segments are the same but for what a decoded `?` or `#` cuts off the end.
          const cut = decodeOnce(path)!.search(/[?#]/);
          expect(form.split('/').length).toBeLessThanOrEqual(path.split('/').length);
          if (cut < 0) expect(form.split('/').length).toBe(path.split('/').length);
        }
      }),
      { numRuns: 2500 },
    );
    expect(passed).toBeGreaterThan(100);
  });

  it('never lets a byte pass that is no part of a URI', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), (octets) => {
        const target = `/${Buffer.from(octets).toString('latin1')}`;
        if (findAmbiguity(target) === null) expect(target).toMatch(/^[\x21-\x7e]+$/);
      }),
      { numRuns: 800 },
    );
  });
});

describe('percent decoding', () => {
  it('is what decodeURIComponent does, on bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 8 }), (text) => {
        const escaped = encodeURIComponent(text);
        expect(Buffer.from(decodeOnce(escaped)!, 'latin1').toString('utf8')).toBe(text);
      }),
    );
  });

  it('decodes once only', () => {
    expect(decodeOnce('%2541%2b')).toBe('%41+');
  });

  it.each(['%', '%4', '%4g', '%g4', 'a%', '%%41', '%+1', '% 1'])('refuses %j', (text) => {
    expect(decodeOnce(text)).toBeNull();
  });

  it('undoes encoding', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 16 }), (octets) => {
        const bytes = Buffer.from(octets).toString('latin1');
        const encoded = encodePath(bytes);
        expect(encoded).toMatch(/^[\x21-\x7e]*$/);
        expect(decodeOnce(encoded)).toBe(bytes);
      }),
    );
  });

  it('leaves exactly the characters of a path unencoded (RFC 3986 §3.3)', () => {
    for (let code = 0; code < 256; code++) {
      const char = String.fromCharCode(code);
      expect(encodePath(char) === char).toBe(/[A-Za-z0-9._~!$&'()*+,;=:@/-]/.test(char));
    }
  });
});

describe('the readings of a path', () => {
  it.each([
    ['/a/b', ['/a/b']],
    ['/a%62', ['/a%62', '/ab']],
    ['/a;v=1/b', ['/a;v=1/b', '/a/b']],
    ['/a//b', ['/a//b', '/a/b']],
    ['/a/../b', ['/a/../b', '/b']],
    ['/a/./b/.', ['/a/./b/.', '/a/b/']],
    ['/../..', ['/../..', '/']],
    ['/a\\b', ['/a\\b', '/a/b']],
    ['/a#b', ['/a#b', '/a']],
    ['/a%3Fb', ['/a%3Fb', '/a?b', '/a']],
    ['/x/..;/admin', ['/x/..;/admin', '/x/../admin', '/admin']],
    ['/%zz', ['/%zz']],
    ['./a', ['./a', 'a']],
    ['', ['']],
  ])('%j are %j', (path, forms) => {
    expect([...pathForms(path)!].sort()).toEqual([...forms].sort());
    expect(pathForms(path)![0]).toBe(path);
  });

  it('go through every order: an escaped backslash between dots, doubly', () => {
    expect(pathForms('/public/%252e%252e%255cadmin')).toContain('/admin');
    expect(pathForms('/public%2f%2e%2e;x%2fadmin')).toContain('/admin');
  });

  it('are closed, bounded, and begin with the path itself', () => {
    fc.assert(
      fc.property(anyPath, (path) => {
        const forms = pathForms(path);
        if (forms === null) return;
        expect(forms[0]).toBe(path);
        expect(forms.length).toBeLessThanOrEqual(MAX_PATH_FORMS);
        expect(new Set(forms).size).toBe(forms.length);
        for (const form of forms) {
          const again = pathForms(form);
          expect(again).not.toBeNull();
          for (const each of again!) expect(forms).toContain(each);
        }
      }),
      { numRuns: 1500 },
    );
  });

  it('are none when there are too many', () => {
    expect(pathForms('/%25252525252525252525252525252525252525252525252525252525252561')).toBeNull();
  });

  it('take no longer than the path is long, also for hostile ones', () => {
    const started = performance.now();
    pathForms('/..;%2e'.repeat(8000));
    pathForms('/%25'.repeat(15000));
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
