/** `npm run docs`: writes the generated parts of docs/ anew. */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fill } from './fill.ts';
import { tables } from './tables.ts';

const folder = join(import.meta.dirname, '../../docs');
const all = await tables();
for (const page of globSync('**/*.md', { cwd: folder }).sort()) {
  const path = join(folder, page);
  const before = readFileSync(path, 'utf8');
  const after = fill(before, all);
  if (after === before) continue;
  writeFileSync(path, after);
  console.log(`docs/${page} is new`);
}
