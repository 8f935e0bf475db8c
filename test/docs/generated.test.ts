/** The parts of docs/ that are made from the code are as the code has them: `npm run docs` writes them. */
import { describe, expect, it } from '@jest/globals';
import { fill, partsOf } from '../../scripts/docs/fill.ts';
import { tables } from '../../scripts/docs/tables.ts';
import { DOCS } from './pages.ts';

const all = await tables();

describe.each(DOCS)('$name', ({ text }) => {
  it('is as `npm run docs` writes it', () => {
    expect(fill(text, all)).toBe(text);
  });
});

it('each table has one place', () => {
  expect(DOCS.flatMap(({ text }) => partsOf(text)).sort()).toEqual([...all.keys()].sort());
});
