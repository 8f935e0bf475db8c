import { expect, test } from '@jest/globals';
import { isPolicyFileName, isTestFileName } from '../../../src/pap/sources/file-names.ts';

test.each(['shop.yaml', 'shop.yml', 'shop.json', 'a.b.yaml', 'test.yaml'])('`%s` is a policy', (name) => {
  expect(isPolicyFileName(name)).toBe(true);
  expect(isTestFileName(name)).toBe(false);
});

test.each(['shop.test.yaml', 'shop.test.yml', 'shop.test.json'])('`%s` is a policy test', (name) => {
  expect(isPolicyFileName(name)).toBe(false);
  expect(isTestFileName(name)).toBe(true);
});

test.each([
  'shop.yaml~',
  '#shop.yaml#',
  '.#shop.yaml',
  '.shop.yaml',
  '.shop.test.yaml',
  '.shop.yaml.swp',
  '4913',
  'shop.YAML',
  'yaml',
  'access-policy.schema.json',
  'README.md',
  '..data',
  '..2026_01_01.yaml',
])('`%s` is neither', (name) => {
  expect(isPolicyFileName(name)).toBe(false);
  expect(isTestFileName(name)).toBe(false);
});
