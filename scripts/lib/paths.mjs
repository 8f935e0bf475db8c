import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The checkout. */
export const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** What is installed for the checkout alone and is no npm package. */
export const TOOLS = join(ROOT, '.tools');

/** @param {string} name of a file of scripts/requirements/ */
export function requirements(name) {
  return join(ROOT, 'scripts', 'requirements', name);
}
