import { readdirSync, readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';
import { CODES } from '../../src/policy/codes.ts';

const ROOT = new URL('../../', import.meta.url);

function sources(folder: string): string[] {
  return readdirSync(new URL(folder, ROOT), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(new URL(`${folder}/${name}`, ROOT), 'utf8'));
}

const language = sources('src/policy').filter((text) => !text.includes('export const CODES'));
const tests = sources('test/policy');

it.each(Object.entries(CODES))(
  'the code `%s` is kebab-case, has a meaning, is reported somewhere and tested',
  (code, meaning) => {
    expect(code).toMatch(/^[a-z0-9]+(-[a-z0-9]+)*$/);
    expect(meaning).toMatch(/^(?:[a-z`]|[A-Z]+ )/);
    expect(language.some((text) => text.includes(`'${code}'`))).toBe(true);
    expect(tests.some((text) => text.includes(code))).toBe(true);
  },
);
