import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import { isPolicyFileName, isTestFileName } from '../../../src/pap/sources/file-names.ts';
import { readPolicyFiles } from '../../../src/pap/sources/read-files.ts';
import type { PolicyFile } from '../../../src/pap/sources/policy-source.ts';
import { scan } from '../../../src/pap/sources/scan.ts';
import { scratch, texts } from './support.ts';

const named = (files: readonly PolicyFile[]): object[] => files.map(({ path, text }) => ({ path, text }));

/** Problems as `code name`, for short. */
async function problems(path: string): Promise<string[]> {
  const { diagnostics } = await readPolicyFiles([path]);
  return diagnostics.map(({ code, position }) => `${code} ${position.file.slice(path.length)}`.trim());
}

describe('what is read', () => {
  test('reads policies below a directory, in order of path, and leaves tests and hidden names alone', async () => {
    using dir = scratch();
    mkdirSync(dir.at('b/c'), { recursive: true });
    mkdirSync(dir.at('.git'));
    const names = [
      'z.yaml',
      'b/c/deep.yml',
      'b/x.json',
      'a.yaml',
      'a.test.yaml',
      '.git/x.yaml',
      '.a.yaml.swp',
      'notes.md',
    ];
    for (const name of names) writeFileSync(dir.at(name), name);
    const { files, diagnostics } = await readPolicyFiles([dir.path]);
    expect(named(files)).toStrictEqual(
      ['a.yaml', 'b/c/deep.yml', 'b/x.json', 'z.yaml'].map((name) => ({ path: dir.at(name), text: name })),
    );
    expect(diagnostics).toStrictEqual([]);
  });

  test('reads only tests when asked for tests', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), 'policy');
    writeFileSync(dir.at('a.test.yaml'), 'test');
    expect(texts(await readPolicyFiles([dir.path], isTestFileName))).toStrictEqual({ 'a.test.yaml': 'test' });
  });

  test('names files as they were asked for', async () => {
    const { files } = await readPolicyFiles(['package.json']);
    expect(files.map(({ path }) => path)).toStrictEqual(['package.json']);
  });

  test('takes a file that is named whatever it is called', async () => {
    using dir = scratch();
    writeFileSync(dir.at('.odd'), 'x');
    expect(texts(await readPolicyFiles([dir.at('.odd')]))).toStrictEqual({ '.odd': 'x' });
  });

  test('reads a file once when two paths lead to it', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), 'a');
    symlinkSync('a.yaml', dir.at('b.yaml'));
    const { files } = await readPolicyFiles([dir.path, dir.at('a.yaml'), `${dir.path}/.`]);
    expect(named(files)).toStrictEqual([{ path: dir.at('a.yaml'), text: 'a' }]);
  });

  test('takes a byte order mark off', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), '\ufeffkind: x');
    expect(texts(await readPolicyFiles([dir.path]))).toStrictEqual({ 'a.yaml': 'kind: x' });
  });

  test('an empty directory is no problem of the source', async () => {
    using dir = scratch();
    expect(await readPolicyFiles([dir.path])).toMatchObject({ files: [], diagnostics: [] });
  });
});

describe('symlinks', () => {
  test('follows links to files and to directories', async () => {
    using dir = scratch();
    using other = scratch();
    writeFileSync(other.at('real.yaml'), 'file');
    mkdirSync(other.at('sub'));
    writeFileSync(other.at('sub', 'inner.yaml'), 'inner');
    symlinkSync(other.at('real.yaml'), dir.at('link.yaml'));
    symlinkSync(other.at('sub'), dir.at('more'));
    expect(texts(await readPolicyFiles([dir.path]))).toStrictEqual({ 'link.yaml': 'file', 'inner.yaml': 'inner' });
  });

  test('ends where links to directories go in a circle', async () => {
    using dir = scratch();
    mkdirSync(dir.at('a'));
    writeFileSync(dir.at('a', 'x.yaml'), 'x');
    symlinkSync('..', dir.at('a', 'up'));
    symlinkSync('a', dir.at('again'));
    const { files, diagnostics } = await readPolicyFiles([dir.path]);
    expect(named(files)).toStrictEqual([{ path: dir.at('a/x.yaml'), text: 'x' }]);
    expect(diagnostics).toStrictEqual([]);
  });

  test('reads a mounted ConfigMap once', async () => {
    using dir = scratch();
    mkdirSync(dir.at('..2026_01'));
    writeFileSync(dir.at('..2026_01', 'shop.yaml'), 'one');
    symlinkSync('..2026_01', dir.at('..data'));
    symlinkSync('..data/shop.yaml', dir.at('shop.yaml'));
    const { files } = await readPolicyFiles([dir.path]);
    expect(named(files)).toStrictEqual([{ path: dir.at('shop.yaml'), text: 'one' }]);
  });
});

describe('what cannot be read is a problem, not an exception', () => {
  test('a path that is not there', async () => {
    using dir = scratch();
    const { files, diagnostics } = await readPolicyFiles([dir.at('none')]);
    expect(named(files)).toStrictEqual([]);
    expect(diagnostics).toStrictEqual([
      {
        severity: 'error',
        code: 'missing-path',
        message: `\`${dir.at('none')}\` does not exist`,
        hint: 'create it, or correct the path',
        position: { file: dir.at('none'), line: 1, column: 1 },
      },
    ]);
  });

  test('a path below a file', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), 'a');
    expect(await problems(dir.at('a.yaml', 'b'))).toStrictEqual(['missing-path']);
  });

  test('a link called a policy that leads nowhere, or to itself', async () => {
    using dir = scratch();
    symlinkSync('nowhere', dir.at('gone.yaml'));
    symlinkSync('loop.yaml', dir.at('loop.yaml'));
    symlinkSync('nowhere', dir.at('not-ours'));
    expect(await problems(dir.path)).toStrictEqual(['missing-path /gone.yaml', 'unreadable-path /loop.yaml']);
  });

  test('a pipe, a socket or a device', async () => {
    using dir = scratch();
    execFileSync('mkfifo', [dir.at('pipe.yaml')]);
    symlinkSync('/dev/zero', dir.at('zero.yaml'));
    expect(await problems(dir.path)).toStrictEqual(['not-a-file /pipe.yaml', 'not-a-file /zero.yaml']);
  });

  test('an empty file, and one that is no UTF-8', async () => {
    using dir = scratch();
    writeFileSync(dir.at('empty.yaml'), '');
    writeFileSync(dir.at('latin.yaml'), Buffer.from([0x61, 0xe9, 0x0a]));
    writeFileSync(dir.at('good.yaml'), 'a');
    expect(await problems(dir.path)).toStrictEqual(['empty-file /empty.yaml', 'not-utf-8 /latin.yaml']);
  });

  // Root may read everything, so this cannot be shown as root.
  const asRoot = process.getuid?.() === 0;
  test('a file without permission', async () => {
    using dir = scratch();
    writeFileSync(dir.at('a.yaml'), 'a');
    chmodSync(dir.at('a.yaml'), 0);
    expect(await problems(dir.path)).toStrictEqual(asRoot ? [] : ['unreadable-path /a.yaml']);
  });

  test('too many files, too deep a tree, too much text', async () => {
    using dir = scratch();
    mkdirSync(dir.at('1/2'), { recursive: true });
    for (const name of ['a.yaml', 'b.yaml', '1/2/c.yaml']) writeFileSync(dir.at(name), '12345');
    const codes = async (limits: Partial<Parameters<typeof scan>[2]>): Promise<string[]> => {
      const all = { maxFiles: 10, maxEntries: 100, maxDepth: 5, ...limits };
      return (await scan([dir.path], isPolicyFileName, all)).diagnostics.map(({ code }) => code);
    };
    expect(await codes({})).toStrictEqual([]);
    expect(await codes({ maxFiles: 2 })).toStrictEqual(['too-many-files']);
    expect(await codes({ maxEntries: 3 })).toStrictEqual(['too-many-files']);
    expect(await codes({ maxDepth: 1 })).toStrictEqual(['too-deep']);
    const text = await readPolicyFiles([dir.path], isPolicyFileName, { maxFileBytes: 100, maxTotalBytes: 12 });
    expect(text.diagnostics.map(({ code }) => code)).toStrictEqual(['too-much-text']);
    const file = await readPolicyFiles([dir.path], isPolicyFileName, { maxFileBytes: 4, maxTotalBytes: 100 });
    expect(file.diagnostics.map(({ code }) => code)).toStrictEqual(['too-much-text']);
  });
});

describe('one moment', () => {
  test('two files that are always swapped together are never read apart', async () => {
    using dir = scratch();
    const release = (number: number): void => {
      mkdirSync(dir.at(`r${number}`));
      for (const name of ['a.yaml', 'b.yaml']) writeFileSync(dir.at(`r${number}`, name), String(number));
    };
    release(0);
    symlinkSync('r0', dir.at('current'));
    let number = 0;
    let over = false;
    const writer = (async () => {
      while (!over) {
        release(++number);
        symlinkSync(`r${number}`, dir.at('next'));
        renameSync(dir.at('next'), dir.at('current'));
        rmSync(dir.at(`r${number - 1}`), { recursive: true });
        // From no pause at all to one that lets a pass through.
        await new Promise((resolve) => setTimeout(resolve, number % 8));
      }
    })();
    let read = 0;
    for (let round = 0; round < 60; round++) {
      const { files, diagnostics } = await readPolicyFiles([dir.at('current')]);
      if (diagnostics.length > 0) {
        expect(diagnostics.map(({ code }) => code)).toContain('changing-files');
        continue;
      }
      read++;
      expect(files).toHaveLength(2);
      expect(files[0]?.text).toBe(files[1]?.text);
    }
    over = true;
    await writer;
    expect(read).toBeGreaterThan(0);
  }, 60_000);
});
