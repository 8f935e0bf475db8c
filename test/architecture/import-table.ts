/**
 * Which folder of src/ may import from which: the picture of ARCHITECTURE.md as data. A folder may always
 * import from itself. `main.ts` composes: it imports all and is imported by none.
 */
export interface Allowance {
  /** Folders that may be imported. */
  readonly imports: readonly string[];
  /** Folders of which only types may be imported (`import type`), so that nothing of them runs. */
  readonly types?: readonly string[];
  /** Packages, in place of those that are there when the service runs: what is built into one file needs none of them then. */
  readonly packages?: readonly string[];
}

const DATA_PLANE = ['lib', 'attributes', 'matcher', 'identity', 'policy', 'policy-index', 'pdp', 'extauthz'];

export const IMPORT_TABLE: Readonly<Record<string, Allowance>> = {
  lib: { imports: [] },
  attributes: { imports: ['lib'] },
  matcher: { imports: ['lib', 'attributes'] },
  identity: { imports: ['lib', 'attributes', 'telemetry'], types: ['policy'] },
  policy: { imports: ['lib', 'attributes', 'matcher'] },
  'policy-index': { imports: ['lib', 'attributes', 'matcher', 'policy'] },
  pdp: { imports: ['lib', 'attributes', 'policy-index'], types: ['policy'] },
  pap: { imports: ['lib', 'policy', 'policy-index', 'telemetry'] },
  extauthz: {
    imports: ['lib', 'attributes', 'identity', 'pdp', 'audit', 'telemetry'],
    types: ['policy', 'policy-index'],
  },
  transport: { imports: ['lib', 'telemetry'] },
  audit: {
    imports: ['lib'],
    types: ['attributes', 'identity', 'policy', 'policy-index', 'pdp', 'telemetry', 'config'],
  },
  telemetry: { imports: ['lib'] },
  config: { imports: ['lib'] },
  doctor: { imports: ['lib', 'policy', 'config'] },
  admin: { imports: [...DATA_PLANE, 'pap', 'audit', 'telemetry', 'config'] },
  // A page for browsers: it has the admin API in common with the service, and no code.
  console: { imports: [], packages: ['preact'] },
  cli: { imports: [...DATA_PLANE, 'pap', 'audit', 'telemetry', 'config', 'doctor'] },
  serving: { imports: [...DATA_PLANE, 'pap', 'transport', 'audit', 'telemetry', 'config', 'admin', 'cli'] },
};
