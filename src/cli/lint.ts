/** Everything that can be said about policies without a request. */
import { statSync } from 'node:fs';
import { basename } from 'node:path';
import type { ServiceConfig } from '../config/config.ts';
import { compareDiagnostics } from '../lib/diagnostic.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';
import { loadSnapshot } from '../pap/load-snapshot.ts';
import { isTestFileName } from '../pap/sources/file-names.ts';
import { readPolicyFiles } from '../pap/sources/read-files.ts';
import type { PolicyFile } from '../pap/sources/policy-source.ts';
import { lintPolicySet } from '../policy/lint/lint.ts';
import { parsePolicyTests } from '../policy/test-file.ts';
import { snapshotOptions } from './settings.ts';

export interface LintResult {
  /** Sorted by place. */
  readonly diagnostics: readonly Diagnostic[];
  /** Texts of all files that were read, by path. */
  readonly texts: ReadonlyMap<string, string>;
  /** Some path could not be read, so that the rest may not be the whole truth. */
  readonly unreadable: boolean;
}

/** Reads the paths as one set, as serving would, and the policy tests below them. */
export async function lintPaths(paths: readonly string[], config: ServiceConfig): Promise<LintResult> {
  const policies = await readPolicyFiles(paths);
  const tests = await readPolicyFiles(paths.filter(isDirectory), isTestFileName);
  const diagnostics = [...policies.diagnostics, ...tests.diagnostics];
  const testFiles = [...tests.files];
  const policyFiles: PolicyFile[] = [];
  for (const file of policies.files) (isTestFileName(basename(file.path)) ? testFiles : policyFiles).push(file);
  if (policyFiles.length > 0 || (diagnostics.length === 0 && testFiles.length === 0)) {
    diagnostics.push(...lintPolicies(policyFiles, config));
  }
  for (const { path, text } of testFiles) diagnostics.push(...parsePolicyTests(path, text).diagnostics);
  return {
    diagnostics: diagnostics.sort(compareDiagnostics),
    texts: new Map([...policyFiles, ...testFiles].map(({ path, text }) => [path, text])),
    unreadable: diagnostics.some(({ code }) => UNREADABLE.has(code)),
  };
}

function lintPolicies(files: readonly PolicyFile[], config: ServiceConfig): readonly Diagnostic[] {
  const options = snapshotOptions(config);
  const { set, diagnostics } = loadSnapshot(files, options);
  return set === null ? diagnostics : [...diagnostics, ...lintPolicySet(set, options.language, Date.now())];
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

const UNREADABLE: ReadonlySet<string> = new Set(['missing-path', 'unreadable-path', 'not-a-file', 'changing-files']);
