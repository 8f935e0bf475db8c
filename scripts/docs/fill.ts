/**
 * Pages with parts that are made from the code. Such a part stands between two comments:
 *
 *     <!-- generated: metrics, by npm run docs -->
 *     <!-- end -->
 */

const PART = /^<!-- generated: ([\w-]+), by npm run docs -->$[^]*?^<!-- end -->$/gm;

/** The page with each of its parts as the code has it now. @throws for a name that no table has */
export function fill(page: string, tables: ReadonlyMap<string, string>): string {
  return page.replace(PART, (_, name: string) => {
    const text = tables.get(name);
    if (text === undefined) throw new Error(`nothing is generated under the name \`${name}\``);
    return `<!-- generated: ${name}, by npm run docs -->\n\n${text}\n\n<!-- end -->`;
  });
}

export function partsOf(page: string): readonly string[] {
  return [...page.matchAll(PART)].map(([, name]) => name!);
}
