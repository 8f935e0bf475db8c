import { readFileSync, readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { IMPORT_TABLE } from './architecture/import-table.ts';
import { breaches, type SourceTree } from './architecture/rules.ts';

const ROOT = join(import.meta.dirname, '..');

interface PackageJson {
  readonly dependencies: Readonly<Record<string, string>>;
}

const { dependencies } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as PackageJson;
const rules = { table: IMPORT_TABLE, dependencies: new Set(Object.keys(dependencies)) };

function sources(): SourceTree {
  const src = join(ROOT, 'src');
  const paths = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((path) => /\.tsx?$/.test(path));
  return new Map(paths.map((path) => [path.replaceAll(sep, '/'), readFileSync(join(src, path), 'utf8')]));
}

describe('src/', () => {
  it('imports only along the table, from packages that are there at run time, and never in a ring', () => {
    const tree = sources();
    expect(tree.size).toBeGreaterThan(0);
    expect(breaches(tree, rules)).toEqual([]);
  });

  it('has a table without rings', () => {
    const files = Object.entries(IMPORT_TABLE).map(([folder, { imports, types = [] }]): [string, string] => [
      `${folder}/index.ts`,
      [...imports, ...types].map((other) => `import type {} from '../${other}/index.ts';`).join('\n'),
    ]);
    expect(breaches(new Map(files), rules)).toEqual([]);
  });
});

describe('the check of imports', () => {
  const tree = (files: Readonly<Record<string, string>>) =>
    breaches(
      new Map([['lib/clock.ts', ''], ['pdp/decide.ts', ''], ['policy/model.ts', ''], ...Object.entries(files)]),
      rules,
    );

  it.each([
    ['an import', `import { decide } from '../pdp/decide.ts';`],
    ['an import of types', `import type { Decision } from '../pdp/decide.ts';`],
    ['an import for its effects', `import '../pdp/decide.ts';`],
    ['a re-export', `export * from '../pdp/decide.ts';`],
    ['a dynamic import', `export const load = () => import('../pdp/decide.ts');`],
    ['a dynamic import of a template', 'export const load = () => import(`../pdp/decide.ts`);'],
    ['an import in a type', `export type D = import('../pdp/decide.ts').Decision;`],
    ['the file of a worker thread', `new Worker(new URL('../pdp/decide.ts', import.meta.url));`],
  ])('finds %s against the table', (_what, source) => {
    expect(tree({ 'pap/store.ts': source })).toEqual(['pap/store.ts:1: pap/ may not import from pdp/']);
  });

  it('lets a folder import from itself, from what the table names, from node and from dependencies', () => {
    const source = `
      import { readFileSync } from 'node:fs';
      import { z } from 'zod';
      import { BinaryReader } from '@bufbuild/protobuf/wire';
      import { now } from '../lib/clock.ts';
      import { other } from './other.ts';
    `;
    expect(tree({ 'pdp/cache.ts': source, 'pdp/other.ts': '' })).toEqual([]);
  });

  it('lets only types pass where the table says types', () => {
    expect(tree({ 'pdp/trace.ts': `import type { Rule } from '../policy/model.ts';` })).toEqual([]);
    const whole = tree({ 'pdp/trace.ts': `import { type Rule } from '../policy/model.ts';` });
    expect(whole).toEqual(['pdp/trace.ts:1: pdp/ may import only types from policy/ (`import type`)']);
  });

  it('lets main.ts import all, and nobody import main.ts', () => {
    expect(tree({ 'main.ts': `import { decide } from './pdp/decide.ts';` })).toEqual([]);
    const found = tree({ 'main.ts': '', 'cli/serve.ts': `import { serve } from '../main.ts';` });
    expect(found).toEqual(['cli/serve.ts:1: imports `main.ts`, which composes and is imported by none']);
  });

  it('finds development dependencies, bare built-in names, names it cannot read, and files that are not there', () => {
    const source = [
      `import fc from 'fast-check';`,
      `import fs from 'fs';`,
      `import { createRequire } from 'node:module';`,
      `export const load = (name: string) => import(name);`,
      `import { gone } from './gone.ts';`,
      `import { helper } from '../../test/helper.ts';`,
    ];
    expect(tree({ 'lib/odd.ts': source.join('\n') })).toEqual([
      'lib/odd.ts:1: imports `fast-check`, which is no dependency of the service',
      'lib/odd.ts:2: imports `fs` without `node:`',
      'lib/odd.ts:3: imports `node:module`, whose `require` this test cannot follow',
      'lib/odd.ts:4: imports a module whose name is computed',
      'lib/odd.ts:5: imports `./gone.ts`, which is no file of src/',
      'lib/odd.ts:6: imports `../../test/helper.ts`, which is no file of src/',
    ]);
  });

  it('lets a folder with packages of its own import those, and no others', () => {
    const own = { ...rules, table: { page: { imports: [], packages: ['preact'] } } };
    const source = [
      `import { render } from 'preact';`,
      `import { useState } from 'preact/hooks';`,
      `import { join } from 'node:path';`,
      `import { z } from 'zod';`,
    ];
    expect(breaches(new Map([['page/main.tsx', source.join('\n')]]), own)).toEqual([
      'page/main.tsx:3: imports `node:path`, which is not among the packages of page/',
      'page/main.tsx:4: imports `zod`, which is not among the packages of page/',
    ]);
  });

  it('finds a ring, of types too', () => {
    const found = tree({
      'lib/a.ts': `import { b } from './b.ts';`,
      'lib/b.ts': `import { c } from './c.ts';`,
      'lib/c.ts': `import type { A } from './a.ts';`,
    });
    expect(found).toEqual(['lib/a.ts → lib/b.ts → lib/c.ts → lib/a.ts: is a ring of imports']);
  });

  it('finds a file outside the folders of the table', () => {
    expect(tree({ 'utils.ts': '', 'helpers/x.ts': '' })).toEqual([
      'helpers/x.ts:1: is in no folder of the import table',
      'utils.ts:1: is in no folder of the import table',
    ]);
  });
});
