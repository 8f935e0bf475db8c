import { describe, expect, it } from '@jest/globals';
import { loadPolicySet } from '../../src/policy/load.ts';
import { MAX_DEPTH, MAX_FILE_BYTES, MAX_STRING_LENGTH } from '../../src/policy/parse/limits.ts';
import { access, errorCodes, line, load, loaded, object, OPTIONS } from './support.ts';

const policy = (name: string, namespace = 'shop'): string =>
  object('portcullis.dev/v1', 'AccessPolicy', '{}', name, namespace);

describe('a file of policies', () => {
  it('holds several documents; empty ones are passed over', () => {
    const text = ['', policy('a'), '# nothing\n', policy('b'), 'null\n', ''].join('---\n');
    expect(loaded(text).policies.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('may be JSON, tabs and all', () => {
    const text = JSON.stringify(
      { apiVersion: 'portcullis.dev/v1', kind: 'AccessPolicy', metadata: { name: 'a', namespace: 'b' }, spec: {} },
      null,
      '\t',
    );
    expect(loaded(text).policies).toHaveLength(1);
  });

  it('may begin with a byte order mark', () => {
    expect(loaded(`\uFEFF${policy('a')}`).policies).toHaveLength(1);
  });

  it('takes a List apart, and keeps the places of its items', () => {
    const { diagnostics } = load(`apiVersion: v1
kind: List
items:
- apiVersion: portcullis.dev/v1
  kind: AccessPolicy
  metadata: {name: a, namespace: b}
  spec: {actin: ALLOW}
- apiVersion: v1
  kind: List
  items:
  - apiVersion: portcullis.dev/v1
    kind: AccessPolicy
    metadata: {name: A, namespace: b}
    spec: {}
`);
    expect(diagnostics.map(({ code, position }) => [code, position.line, position.column])).toEqual([
      ['unknown-field', 7, 10],
      ['bad-name', 13, 22],
    ]);
  });

  it('takes anchors and aliases', () => {
    const text = access('{rules: [{from: [{source: &s {namespaces: [a]}}]}, {from: [{source: *s}]}]}');
    const [first, second] = loaded(text).policies[0]!.rules;
    expect(second!.from![0]!.is).toEqual(first!.from![0]!.is);
  });

  it('lets Kubernetes’ own metadata and status through', () => {
    const text = `
apiVersion: portcullis.dev/v1
kind: AccessPolicy
metadata:
  name: a
  namespace: b
  uid: 1
  generation: 3
  creationTimestamp: null
  managedFields: [{manager: kubectl}]
  labels: {a: b}
spec: {}
status: {observed: true}
`;
    expect(loaded(text).policies).toHaveLength(1);
  });

  it('treats `__proto__` and its kin as names like any other', () => {
    for (const name of ['__proto__', 'constructor', 'hasOwnProperty', 'toString']) {
      expect(errorCodes(access(`{${name}: {}}`))).toEqual(['unknown-field']);
      expect(errorCodes(access(`{rules: [{respond: {request: {set: {"${name}": a}}}}]}`))).toEqual([]);
      expect(loaded(access(`{selector: {matchLabels: {${name}: a}}}`)).policies[0]!.matchLabels).toEqual(
        new Map([[name, 'a']]),
      );
    }
    // zod passes over `__proto__` in open maps: the reader does not.
    expect(errorCodes(access('{selector: {matchLabels: {__proto__: 1}}}'))).toEqual(['wrong-type']);
    expect(Object.getOwnPropertyNames(Object.prototype)).not.toContain('polluted');
  });
});

describe('a file is refused', () => {
  it.each([
    ['a map that is not closed', 'a: {b: c\n', ['yaml-syntax']],
    ['a tab as indentation', 'a:\n\tb: c\n', ['yaml-syntax']],
    ['an unknown escape', 'a: "\\x"\n', ['yaml-syntax']],
    ['an unknown tag', `${policy('a')}status: !foo 1\n`, ['unknown-tag']],
    ['binary', `${policy('a')}status: !!binary aGk=\n`, ['unknown-tag']],
    ['an alias without anchor', `${policy('a')}status: *a\n`, ['unknown-anchor']],
    ['an alias inside its anchor', `${policy('a')}status: &a [*a]\n`, ['unknown-anchor']],
    ['a key that is a number', `${policy('a')}1: a\n`, ['bad-key']],
    ['a key that is a list', `${policy('a')}? [a]\n: b\n`, ['bad-key']],
    ['a key twice', `${policy('a')}spec: {}\n`, ['duplicate-key']],
    ['a merge key', access('{<<: {action: DENY}}'), ['unknown-field']],
    ['a document that is a list', '[a]\n', ['wrong-type']],
    ['a document that is a string', 'hello\n', ['wrong-type']],
    [
      'a string that is too long',
      `${policy('a')}status: "${'a'.repeat(MAX_STRING_LENGTH + 1)}"\n`,
      ['string-too-long'],
    ],
    ['nesting that is too deep', `a: ${'['.repeat(MAX_DEPTH + 1)}${']'.repeat(MAX_DEPTH + 1)}\n`, ['too-deep']],
    ['nesting that would end the stack', '['.repeat(50_000), ['too-deep']],
    ['nesting of blocks', Array.from({ length: 200 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''), ['too-deep']],
  ])('%s', (_, text, codes) => {
    expect(errorCodes(text)).toEqual(codes);
  });

  it('tells both places of a key that is there twice', () => {
    expect(load(`${policy('a')}spec: {}\n`).diagnostics.map(line)).toEqual([
      '5:1 duplicate-key: the key `spec` is written twice; the first is at 4:1 [keep one of the two]',
    ]);
  });

  it('with aliases that stand for billions of values, soon', () => {
    const levels = Array.from({ length: 12 }, (_, i) =>
      i === 0 ? 'a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n' : `a${i}: &a${i} [${`*a${i - 1},`.repeat(10)}]\n`,
    );
    expect(errorCodes(levels.join(''))).toContain('too-many-values');
  });

  it('with aliases that nest without end', () => {
    const levels = Array.from({ length: 100 }, (_, i) => (i === 0 ? 'a0: &a0 [x]\n' : `a${i}: &a${i} [*a${i - 1}]\n`));
    expect(errorCodes(levels.join(''))).toContain('too-deep');
  });

  it('that is larger than the bound', () => {
    expect(errorCodes('#'.repeat(MAX_FILE_BYTES + 1))).toEqual(['file-too-large']);
  });
});

describe('an object', () => {
  it.each([
    ['of an unknown kind', object('v1', 'ConfigMap', '{}'), ['unknown-kind']],
    [
      'of a kind of Istio that is not read',
      object('security.istio.io/v1', 'PeerAuthentication', '{}'),
      ['unknown-kind'],
    ],
    ['without kind', 'metadata: {}\n', ['unknown-kind']],
    ['of an unknown version', object('portcullis.dev/v2', 'AccessPolicy', '{}'), ['unknown-version']],
    ['of another group', object('example.com/v1', 'AccessPolicy', '{}'), ['unknown-version']],
    ['without version', policy('a').replace(/^apiVersion.*\n/, ''), ['unknown-version']],
    ['without namespace', policy('a').replace(', namespace: shop', ''), ['missing-namespace']],
    ['without name', policy('a').replace('name: a, ', ''), ['missing-field']],
    ['without metadata', 'apiVersion: portcullis.dev/v1\nkind: AccessPolicy\nspec: {}\n', ['missing-field']],
    ['with a name in upper case', policy('A'), ['bad-name']],
    ['with a namespace with a dot', policy('a', 'a.b'), ['bad-name']],
    ['with a long name', policy('a'.repeat(254)), ['string-too-long']],
    ['with a mistyped field of metadata', policy('a').replace('{name', '{annotation: {}, name'), ['unknown-field']],
    ['with a mistyped field beside spec', `${policy('a')}sepc: {}\n`, ['unknown-field']],
    ['with labels that are no strings', policy('a').replace('{name', '{labels: {a: 1}, name'), ['wrong-type']],
  ])('%s is refused', (_, text, codes) => {
    expect(errorCodes(text)).toEqual(codes);
  });

  it('of an unknown kind says what kinds there are', () => {
    const [near] = load(object('portcullis.dev/v1', 'AccesPolicy', '{}')).diagnostics;
    expect(line(near!)).toBe(
      '2:1 unknown-kind: unknown kind `AccesPolicy` of `portcullis.dev/v1` [did you mean `AccessPolicy`?]',
    );
    const [far] = load(object('v1', 'ConfigMap', '{}')).diagnostics;
    expect(far!.hint).toMatch(/^the kinds are `AccessPolicy`.*keep other manifests out of the policy directory$/);
  });

  it('is there once for each kind, namespace and name, whatever the file and the version', () => {
    const istio = (version: string): string => object(`security.istio.io/${version}`, 'AuthorizationPolicy', '{}', 'a');
    const files = [
      { path: 'one.yaml', text: istio('v1') },
      { path: 'two.yaml', text: `${policy('a')}---\n${istio('v1beta1')}` },
    ];
    expect(loadPolicySet(files, OPTIONS).diagnostics).toMatchObject([
      {
        code: 'duplicate-object',
        message: 'the AuthorizationPolicy `shop/a` is already there, at one.yaml:1:1',
        position: { file: 'two.yaml', line: 8, column: 12 },
      },
    ]);
    expect(errorCodes(`${policy('a')}---\n${policy('a', 'other')}`)).toEqual([]);
  });
});

describe('a set without any policy', () => {
  it.each(['', '# nothing\n', object('networking.istio.io/v1', 'WorkloadEntry', '{address: 10.0.0.1}')])(
    'is refused unless it is meant',
    (text) => {
      expect(errorCodes(text)).toEqual(['no-policies']);
      expect(errorCodes(text, { allowEmpty: true })).toEqual([]);
    },
  );

  it('says so when there is no file either', () => {
    expect(loadPolicySet([], OPTIONS).diagnostics).toMatchObject([{ code: 'no-policies' }]);
    expect(loadPolicySet([], { ...OPTIONS, allowEmpty: true }).set?.policies).toEqual([]);
  });

  it('is not also called empty when its policies were refused', () => {
    expect(errorCodes('a: [\n')).toEqual(['yaml-syntax']);
  });
});
