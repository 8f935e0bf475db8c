/** Configuration and policies, read and ready to decide with, or a failure that says everything that is wrong. */
import type { Diagnostic } from '../lib/diagnostic.ts';
import type { ServiceConfig } from '../config/config.ts';
import { loadConfig } from '../config/load.ts';
import { loadSnapshot } from '../pap/load-snapshot.ts';
import { readPolicyFiles } from '../pap/sources/read-files.ts';
import type { PolicySnapshot } from '../policy-index/snapshot.ts';
import { compareDiagnostics } from '../lib/diagnostic.ts';
import { CommandFailure } from './failure.ts';
import type { ConfigOption, PolicyOptions } from './options.ts';
import { snapshotOptions } from './settings.ts';
import type { Terminal } from './terminal.ts';

export type Flags = NonNullable<NonNullable<Parameters<typeof loadConfig>[0]>['flags']>;

/** @throws {@link CommandFailure} with every problem of the configuration. */
export function configFor(options: ConfigOption, flags: Flags, env: Terminal['env']): ServiceConfig {
  const { config, diagnostics } = loadConfig({ file: options.config, env, flags });
  if (config === null) throw new CommandFailure('the configuration is not valid', diagnostics);
  return config;
}

export interface ReadyPolicies {
  readonly config: ServiceConfig;
  readonly snapshot: PolicySnapshot;
  /** Warnings and notes. */
  readonly diagnostics: readonly Diagnostic[];
  readonly texts: ReadonlyMap<string, string>;
}

/** @throws {@link CommandFailure} with every problem of the configuration, or else of the policies. */
export async function readyPolicies(options: PolicyOptions, env: Terminal['env']): Promise<ReadyPolicies> {
  const config = configFor(options, { policies: options.policies }, env);
  return { config, ...(await snapshotOf(config, config.policies)) };
}

/** @throws {@link CommandFailure} */
export async function snapshotOf(
  config: ServiceConfig,
  paths: readonly string[],
): Promise<Omit<ReadyPolicies, 'config'>> {
  const read = await readPolicyFiles(paths);
  const texts = new Map(read.files.map(({ path, text }) => [path, text]));
  const nothingRead = read.files.length === 0 && read.diagnostics.length > 0;
  const loaded = nothingRead ? NOT_LOADED : loadSnapshot(read.files, snapshotOptions(config));
  const diagnostics = [...read.diagnostics, ...loaded.diagnostics].sort(compareDiagnostics);
  const refused = diagnostics.some(({ severity }) => severity === 'error');
  if (loaded.snapshot === null || refused) {
    throw new CommandFailure('the policies are not valid', diagnostics, texts);
  }
  return { snapshot: loaded.snapshot, diagnostics, texts };
}

const NOT_LOADED = { snapshot: null, diagnostics: [] };
