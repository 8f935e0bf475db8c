import { builtinModules } from 'node:module';
import { posix } from 'node:path';
import type { Allowance } from './import-table.ts';
import { COMPUTED, importsOf, type Import } from './imports.ts';

/** The composition root: the one file that may import everything, and that nothing imports. */
const ROOT_FILE = 'main.ts';

/** Sources by path below src/, with `/` between folders. */
export type SourceTree = ReadonlyMap<string, string>;

interface Edge extends Import {
  readonly from: string;
  /** Path below src/, or null for a package. */
  readonly to: string | null;
}

export interface Rules {
  readonly table: Readonly<Record<string, Allowance>>;
  /** The packages that are there when the service runs. */
  readonly dependencies: ReadonlySet<string>;
}

/** Every breach, one line each, as `path:line: what`; sorted. */
export function breaches(tree: SourceTree, rules: Rules): string[] {
  const edges = [...tree].flatMap(([from, source]) =>
    importsOf(from, source).map((found): Edge => ({ ...found, from, to: target(from, found.specifier) })),
  );
  const places = [...tree.keys()]
    .filter((path) => path !== ROOT_FILE && !(folderOf(path) in rules.table))
    .map((path) => `${path}:1: is in no folder of the import table`);
  const imports = edges.flatMap((edge) => {
    const what = edge.to === null ? breachOfPackage(edge, rules) : breachOfFile(edge, edge.to, tree, rules);
    return what === null ? [] : [`${edge.from}:${edge.line}: ${what}`];
  });
  return [...places, ...imports, ...cycles(edges)].sort();
}

function target(from: string, specifier: string): string | null {
  return specifier.startsWith('.') ? posix.join(posix.dirname(from), specifier) : null;
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.indexOf('/')) : '';
}

function breachOfPackage({ from, specifier }: Edge, rules: Rules): string | null {
  if (specifier === COMPUTED) return 'imports a module whose name is computed';
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
  const packages = rules.table[folderOf(from)]?.packages;
  if (packages !== undefined)
    return packages.includes(name)
      ? null
      : `imports \`${specifier}\`, which is not among the packages of ${folderOf(from)}/`;
  if (specifier === 'node:module') return 'imports `node:module`, whose `require` this test cannot follow';
  if (specifier.startsWith('node:')) return null;
  if (builtinModules.includes(specifier)) return `imports \`${specifier}\` without \`node:\``;
  return rules.dependencies.has(name) ? null : `imports \`${specifier}\`, which is no dependency of the service`;
}

function breachOfFile(edge: Edge, to: string, tree: SourceTree, rules: Rules): string | null {
  if (!tree.has(to)) return `imports \`${edge.specifier}\`, which is no file of src/`;
  if (to === ROOT_FILE) return `imports \`${ROOT_FILE}\`, which composes and is imported by none`;
  if (edge.from === ROOT_FILE) return null;
  const [fromFolder, toFolder] = [folderOf(edge.from), folderOf(to)];
  const allowance = rules.table[fromFolder];
  if (fromFolder === toFolder || allowance?.imports.includes(toFolder)) return null;
  if (!allowance?.types?.includes(toFolder)) return `${fromFolder}/ may not import from ${toFolder}/`;
  return edge.typeOnly ? null : `${fromFolder}/ may import only types from ${toFolder}/ (\`import type\`)`;
}

/** Files that import each other in a ring, types included: one line for each ring found, from its first file. */
function cycles(edges: readonly Edge[]): string[] {
  const next = new Map<string, Set<string>>();
  for (const { from, to } of edges) {
    if (to !== null) next.set(from, (next.get(from) ?? new Set()).add(to));
  }
  const found = new Set<string>();
  const done = new Set<string>();
  const walk = (path: string, way: readonly string[]): void => {
    const start = way.indexOf(path);
    if (start >= 0) found.add(ring(way.slice(start)));
    if (start >= 0 || done.has(path)) return;
    for (const to of next.get(path) ?? []) walk(to, [...way, path]);
    done.add(path);
  };
  for (const path of next.keys()) walk(path, []);
  return [...found];
}

function ring(paths: readonly string[]): string {
  const first = [...paths].sort()[0]!;
  const start = paths.indexOf(first);
  return `${[...paths.slice(start), ...paths.slice(0, start), first].join(' → ')}: is a ring of imports`;
}
