/** What the tests of deploy/ read. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

export const ROOT = join(import.meta.dirname, '..', '..');

export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

export const yamlOf = (path: string): unknown => parse(textOf(path));
