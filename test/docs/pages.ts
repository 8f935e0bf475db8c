/** The pages for people who run this, and what stands in them. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../..');

export interface Page {
  /** From the root of the repository. */
  readonly name: string;
  readonly text: string;
}

const read = (name: string): Page => ({ name, text: readFileSync(join(ROOT, name), 'utf8') });

export const DOCS: readonly Page[] = globSync('docs/**/*.md', { cwd: ROOT }).sort().map(read);

export const README: Page = read('README.md');

export function pageOf(name: string): Page {
  return read(name);
}

export interface Block {
  /** Of the fence: `yaml`, `sh`; empty where none is named. */
  readonly language: string;
  readonly text: string;
}

/** All code blocks, in order. */
export function blocksOf(text: string): readonly Block[] {
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(([, language, body]) => ({
    language: language!,
    text: body!,
  }));
}

/** The texts of all code blocks of a language below a heading of the second level, in order. */
export function blocksUnder(page: Page, heading: string, language: string): readonly string[] {
  const [section] = page.text.split(`\n## ${heading}\n`)[1]?.split('\n## ') ?? [];
  if (section === undefined) throw new Error(`${page.name} has no section ${heading}`);
  return blocksOf(section)
    .filter((block) => block.language === language)
    .map((block) => block.text);
}

/** Body rows of the first table below the heading (with its `#`), cell by cell. */
export function tableUnder(page: Page, heading: string): readonly (readonly string[])[] {
  const [, below] = `\n${page.text}`.split(`\n${heading}\n`);
  if (below === undefined) throw new Error(`${page.name} has no heading ${heading}`);
  const lines = below.split('\n');
  const first = lines.findIndex((line) => line.startsWith('| '));
  const length = lines.slice(first).findIndex((line) => !line.startsWith('|'));
  return lines.slice(first + 2, first + length).map((line) =>
    line
      .slice(1, -1)
      .split(' | ')
      .map((cell) => cell.trim()),
  );
}
