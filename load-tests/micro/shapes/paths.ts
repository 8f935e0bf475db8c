/** (c) Rules for the whole mesh about paths: exact, prefixes and templates under a few first segments. */
import type { Random } from '../../lib/random.ts';
import { operation } from './model.ts';
import { meshWide, ordinaryRequest } from './shape.ts';
import type { Part, Shape } from './shape.ts';

export const paths: Shape = {
  name: 'c-paths',
  about: 'mesh-wide path templates, prefixes and exact paths under fifty first segments',
  target: 'flat',
  part: (rules) => pathRules(rules),
};

/** So few that the first segment says little. */
const FIRST_SEGMENTS = 50;

interface PathForm {
  readonly pattern: (root: string, i: number) => string;
  readonly path: (root: string, i: number, any: string) => string;
}

const FORMS: readonly PathForm[] = [
  { pattern: (root, i) => `${root}/v1/item-${i}`, path: (root, i) => `${root}/v1/item-${i}` },
  { pattern: (root, i) => `${root}/files-${i}/*`, path: (root, i, any) => `${root}/files-${i}/${any}/raw` },
  // What tells these apart stands behind the wildcard.
  { pattern: (root, i) => `${root}/{*}/kind-${i}`, path: (root, i, any) => `${root}/${any}/kind-${i}` },
  { pattern: (root, i) => `${root}/kind-${i}/{*}/detail`, path: (root, i, any) => `${root}/kind-${i}/${any}/detail` },
  { pattern: (root, i) => `${root}/tree-${i}/{**}`, path: (root, i, any) => `${root}/tree-${i}/${any}/${any}` },
];

const rootOf = (i: number): string => `/area-${i % FIRST_SEGMENTS}`;
const formOf = (i: number): PathForm => FORMS[i % FORMS.length]!;

export function pathRules(rules: number): Part {
  return meshWide({
    name: 'paths',
    rules,
    rule: (i) => ({ to: [operation({ paths: [formOf(i).pattern(rootOf(i), i)] })] }),
    ask: (i, random) => ordinaryRequest(random, { path: i === null ? nearPath(random) : pathOf(i, random) }),
  });
}

function pathOf(i: number, random: Random): string {
  return formOf(i).path(rootOf(i), i, `id-${random.int(1e9)}`);
}

/** Shaped like the others, with a number that no rule has. */
function nearPath(random: Random): string {
  const form = random.pick(FORMS);
  return form.path(`/area-${random.int(FIRST_SEGMENTS)}`, 1e7 + random.int(1e6), `id-${random.int(1e9)}`);
}
