/** Which names in a policy directory are policies, which are policy tests, and which are nobody's business. */

const DATA_FILE = /\.(?:yaml|yml|json)$/;
/** JSON Schemas for editors, which policies name and lie beside. */
const SCHEMA_FILE = /\.schema\.json$/;
const TEST_FILE = /\.test\.(?:yaml|yml|json)$/;

/**
 * Kubernetes keeps what it mounts in `..2026_01_01_…`, reached through the symlink `..data`; editors keep
 * `.shop.yaml.swp` and `.#shop.yaml`, and Git `.git`. None of these is a policy.
 */
export function isHidden(name: string): boolean {
  return name.startsWith('.');
}

export function isPolicyFileName(name: string): boolean {
  return DATA_FILE.test(name) && !TEST_FILE.test(name) && !SCHEMA_FILE.test(name) && !isHidden(name);
}

/** `shop.test.yaml`: tests of the policies beside it, which never serve. */
export function isTestFileName(name: string): boolean {
  return TEST_FILE.test(name) && !isHidden(name);
}
