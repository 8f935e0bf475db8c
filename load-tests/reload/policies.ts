/**
 * Two sets of policies that take turns: as a platform team has them, a file for each service, in it ten policies (one
 * for each of its callers' teams) of ten rules.
 */
import { mkdir, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import type { Ask } from '../../test/extauthz/support/engine.ts';
import type { Random } from '../lib/random.ts';

export const POLICIES_PER_FILE = 10;
export const RULES_PER_POLICY = 10;

export type SetName = 'a' | 'b';

/** What a request of each class is answered by each set. */
export const CLASSES = ['both', 'only-a', 'only-b', 'neither', 'denied'] as const;
export type RequestClass = (typeof CLASSES)[number];

export function isAllowed(of: RequestClass, by: SetName): boolean {
  return of === 'both' || of === `only-${by}`;
}

const serviceName = (s: number): string => `service-${String(s).padStart(4, '0')}`;
const namespaceOf = (s: number): string => `team-${Math.floor(s / 10)}`;

/** The text of each service's file. */
export function policyFiles(set: SetName, services: number): string[] {
  return Array.from({ length: services }, (_, s) =>
    Array.from({ length: POLICIES_PER_FILE }, (_unused, p) => stringify(policyOf(set, s, p))).join('---\n'),
  );
}

function policyOf(set: SetName, s: number, p: number): unknown {
  const denies = p === POLICIES_PER_FILE - 1;
  const istio = p % 2 === 1;
  return {
    apiVersion: istio ? 'security.istio.io/v1' : 'portcullis.dev/v1',
    kind: istio ? 'AuthorizationPolicy' : 'AccessPolicy',
    metadata: { name: `${serviceName(s)}-${p}`, namespace: namespaceOf(s) },
    spec: {
      selector: { matchLabels: { app: serviceName(s) } },
      action: denies ? 'DENY' : 'ALLOW',
      rules: Array.from({ length: RULES_PER_POLICY }, (_, j) =>
        denies
          ? { to: [{ operation: { paths: [`/internal-${j}`, `/internal-${j}/*`] } }] }
          : {
              // The first rule of the first policy is what the sets differ in.
              from: [
                {
                  source: { principals: [p === 0 && j === 0 ? callerOf(`only-${set}`, s) : callerOf(`p${p}-${j}`, s)] },
                },
              ],
              to: [{ operation: { methods: ['GET', 'POST'], paths: [`/api/v1/kind-${j}`, `/api/v1/kind-${j}/*`] } }],
            },
      ),
    },
  };
}

function callerOf(what: string, s: number): string {
  return `cluster.local/ns/${namespaceOf(s)}/sa/${what}-${s}`;
}

export function askOf(of: RequestClass, services: number, random: Random): Ask {
  const s = random.int(services);
  // Policy 0 to 8 allow; rule 0 of policy 0 is another in each set.
  const p = 1 + random.int(POLICIES_PER_FILE - 2);
  const j = random.int(RULES_PER_POLICY);
  const to = {
    destinationPrincipal: `spiffe://cluster.local/ns/${namespaceOf(s)}/sa/${serviceName(s)}`,
    destinationLabels: { app: serviceName(s) },
    host: `${serviceName(s)}.example`,
  };
  const path = `/api/v1/kind-${j}/item-${random.int(1_000_000)}`;
  const from = (what: string): string => `spiffe://${callerOf(what, s)}`;
  switch (of) {
    case 'both':
      return { ...to, principal: from(`p${p}-${j}`), path };
    case 'only-a':
    case 'only-b':
      return { ...to, principal: from(of), path: `/api/v1/kind-0/item-${random.int(1_000_000)}` };
    case 'neither':
      return { ...to, principal: from('stranger'), path };
    case 'denied':
      return { ...to, principal: from(`p${p}-${j}`), path: `/internal-${j}/state` };
  }
}

/** `policies` in a directory, swapped whole: written beside, then a link renamed over the old one, as Kubernetes does. */
export class PolicyDirectory {
  readonly #base: string;
  #version = 0;
  #current: string | null = null;

  constructor(base: string) {
    this.#base = base;
  }

  /** What the service is given. */
  get path(): string {
    return join(this.#base, 'current');
  }

  /** Milliseconds (`performance.now()`) of the moment at which the new ones were in place. */
  async replace(files: readonly string[]): Promise<number> {
    const directory = join(this.#base, `version-${++this.#version}`);
    await mkdir(directory, { recursive: true });
    for (const [s, text] of files.entries()) await writeFile(join(directory, `${serviceName(s)}.yaml`), text);
    const link = join(this.#base, 'next');
    await symlink(directory, link);
    await rename(link, this.path);
    const atMs = performance.now();
    if (this.#current !== null) await rm(this.#current, { recursive: true });
    this.#current = directory;
    return atMs;
  }
}
