import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(import.meta.dirname, '..');

/** Every page of the repository; what is installed or built is none of ours. */
const PAGES = globSync(['*.md', '{deploy,docs,load-tests,policies,proto,scripts,src,test}/**/*.md'], {
  cwd: ROOT,
}).sort();

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};

const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

/** What stands between fences is no heading and no link. */
const withoutCode = (text: string): string => text.replace(/^```.*?^```$/gms, '');

/** As forges make them: the heading's letters and digits in lower case, blanks as `-`; the second of one name has `-1`. */
function anchorsOf(page: string): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const [, heading] of withoutCode(textOf(page)).matchAll(/^#{1,6} (.*)$/gm)) {
    const plain = heading!.replace(/\]\([^)]*\)/g, ']').toLowerCase();
    const anchor = plain.replace(/[^\p{L}\p{N}\s_-]/gu, '').replaceAll(' ', '-');
    let numbered = anchor;
    for (let count = 1; anchors.has(numbered); count++) numbered = `${anchor}-${count}`;
    anchors.add(numbered);
  }
  return anchors;
}

describe.each(PAGES)('%s', (page) => {
  const text = textOf(page);

  it('names only npm scripts that are there', () => {
    const named = [...text.matchAll(/\bnpm run (?:(?:-s|--silent) )?([\w:-]+)/g)].map(([, name]) => name!);
    expect(named.filter((name) => !(name in scripts))).toEqual([]);
  });

  it('links only to files and headings that are there', () => {
    const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)[^)]*\)/g)].map(([, link]) => link!);
    const local = links.filter((link) => !/^[a-z]+:/.test(link));
    const broken = local.filter((link) => {
      const [file = '', anchor] = link.split('#');
      const target = file === '' ? page : join(dirname(page), file);
      if (!existsSync(join(ROOT, target))) return true;
      return anchor !== undefined && target.endsWith('.md') && !anchorsOf(target).has(anchor);
    });
    expect(broken).toEqual([]);
  });
});
