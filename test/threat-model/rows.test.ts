import { describe, expect, test } from '@jest/globals';
import { readFileSync, readdirSync } from 'node:fs';
import { ROWS, nameOf } from './rows.ts';

const FOLDER = new URL('./', import.meta.url);

/** What each file of this folder registers, read from its text: other suites run in other processes. */
const registered = new Map(
  readdirSync(FOLDER)
    .filter((name) => name.endsWith('.test.ts') && name !== 'rows.test.ts')
    .map((name) => {
      const text = readFileSync(new URL(name, FOLDER), 'utf8');
      const titles = [...text.matchAll(/^\s*row\('([\d.]+)', '([^']+)',/gm)].map((match) => `${match[1]} ${match[2]}`);
      return [name.replace('.test.ts', ''), titles] as const;
    }),
);

const isHere = (file: string): boolean => !file.includes('/');

describe('the threat model', () => {
  test.each(ROWS.filter(({ tested }) => tested.length > 0).map((row) => [nameOf(row), row.tested] as const))(
    '%s is tested in %j',
    (name, tested) => {
      const files = [...registered].filter(([, titles]) => titles.includes(name)).map(([file]) => file);
      expect(files.sort()).toEqual(tested.filter(isHere).sort());
    },
  );

  const elsewhere = ROWS.flatMap(({ title, tested }) =>
    tested.filter((file) => !isHere(file)).map((file) => [title, file] as const),
  );
  test.each(elsewhere)('%s is tested in %s', (title, file) => {
    const text = readFileSync(new URL(`../${file}.test.ts`, FOLDER), 'utf8');
    const names = [...text.matchAll(/^\s*(?:describe|test|it)\b.*'([^'\n]*)'/gm)].map((match) => match[1]!);
    expect(names.filter((each) => each.includes(title))).not.toEqual([]);
  });

  test('what of a class is not tested here says why', () => {
    const titles = [...registered.values()].flat();
    for (const row of ROWS.filter(({ later }) => later !== null)) {
      expect(row.later).not.toBe('');
      expect(titles.includes(nameOf(row))).toBe(row.tested.length > 0);
    }
  });

  test('has no class twice, and no test of a class that is not in it', () => {
    const names = ROWS.map(nameOf);
    expect(new Set(names).size).toBe(names.length);
    expect(ROWS.filter(({ tested, later }) => tested.length === 0 && later === null)).toEqual([]);
    for (const titles of registered.values()) {
      expect(titles.filter((title) => !names.includes(title))).toEqual([]);
      expect(new Set(titles).size).toBe(titles.length);
    }
  });
});
