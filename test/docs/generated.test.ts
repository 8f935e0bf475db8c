/** The parts of docs/ that are made from the code are as the code has them: `npm run docs` writes them. */
import { describe, expect, it } from '@jest/globals';
import { fill, partsOf } from '../../scripts/docs/fill.ts';
import { tables } from '../../scripts/docs/tables.ts';
import { SETTINGS, settingPathText } from '../../src/config/settings.ts';
import { DOCS } from './pages.ts';

const all = await tables();

describe.each(DOCS)('$name', ({ text }) => {
  it('is as `npm run docs` writes it', () => {
    expect(fill(text, all)).toBe(text);
  });
});

it('the page of the configuration has every setting there is', () => {
  const page = all.get('configuration') ?? '';
  const missing = SETTINGS.map(({ path }) => settingPathText(path).replace(/^responses\.\w+/, 'responses.KIND'));
  expect(missing.filter((key) => !page.includes(`| \`${key}\` |`))).toEqual([]);
});

it('each table has one place', () => {
  expect(DOCS.flatMap(({ text }) => partsOf(text)).sort()).toEqual([...all.keys()].sort());
});
