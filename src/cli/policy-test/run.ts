/** Runs policy tests: each file with its own policies and configuration, each test by the code that serves. */
import { basename, dirname, join } from 'node:path';
import { stat } from 'node:fs/promises';
import type { ServiceConfig } from '../../config/config.ts';
import { explainOffline } from '../../extauthz/offline.ts';
import type { Explanation } from '../../extauthz/offline.ts';
import { compareDiagnostics } from '../../lib/diagnostic.ts';
import type { Diagnostic } from '../../lib/diagnostic.ts';
import { isPolicyFileName, isTestFileName } from '../../pap/sources/file-names.ts';
import { readPolicyFiles } from '../../pap/sources/read-files.ts';
import { parsePolicyTests } from '../../policy/test-file.ts';
import type { PolicyTest, PolicyTestFile } from '../../policy/test-model.ts';
import type { PolicySnapshot } from '../../policy-index/snapshot.ts';
import { CommandFailure } from '../failure.ts';
import type { ConfigOption } from '../options.ts';
import { snapshotOf } from '../policies.ts';
import { answerSettings } from '../settings.ts';
import type { Terminal } from '../terminal.ts';
import { differences } from './compare.ts';
import type { Difference } from './compare.ts';
import { configOfTests } from './config.ts';
import { Coverage } from './coverage.ts';
import type { CoveredRule } from './coverage.ts';
import { checkRequestOf } from './request.ts';

export interface TestResult {
  readonly name: string;
  readonly line: number;
  readonly passed: boolean;
  readonly differences: readonly Difference[];
  /** What was decided, and why; null when the test could not be run. */
  readonly decided: Explanation | null;
  /** Why the test could not be run. */
  readonly problem: string | null;
}

export interface FileResult {
  readonly path: string;
  /** What is wrong with the file, its configuration or its policies; when any is an error no test was run. */
  readonly diagnostics: readonly Diagnostic[];
  readonly tests: readonly TestResult[];
}

export interface TestRun {
  readonly files: readonly FileResult[];
  readonly rules: readonly CoveredRule[];
  /** Texts of all files that were read, by path. */
  readonly texts: ReadonlyMap<string, string>;
}

/** @throws {@link CommandFailure} when a path cannot be read or there is no test below any. */
export async function runTests(
  paths: readonly string[],
  options: ConfigOption,
  env: Terminal['env'],
): Promise<TestRun> {
  const texts = new Map<string, string>();
  const coverage = new Coverage();
  const files: FileResult[] = [];
  for (const { path, text } of await testFilesAt(paths)) {
    texts.set(path, text);
    const { file, diagnostics } = parsePolicyTests(path, text);
    files.push(
      file === null
        ? { path, diagnostics, tests: [] }
        : await runFile(file, diagnostics, options, env, coverage, texts),
    );
  }
  return { files, rules: coverage.rules, texts };
}

/** A policy file stands for the tests beside it: `shop.yaml` for `shop.test.yaml`. */
async function testFilesAt(paths: readonly string[]): Promise<readonly { path: string; text: string }[]> {
  const found = new Map<string, string>();
  for (const path of paths) {
    const ofPolicyFile = isPolicyFileName(basename(path)) && (await isFile(path));
    const { files, diagnostics } = await readPolicyFiles([ofPolicyFile ? dirname(path) : path], isTestFileName);
    if (diagnostics.length > 0) throw new CommandFailure('the tests cannot be read', diagnostics);
    const stem = path.replace(/\.\w+$/, '.test.');
    const wanted = ofPolicyFile ? files.filter((file) => file.path.startsWith(join(stem))) : files;
    if (wanted.length === 0) throw new CommandFailure(`there are no tests (*.test.yaml) at \`${path}\``);
    for (const file of wanted) found.set(file.path, file.text);
  }
  return [...found].map(([path, text]) => ({ path, text }));
}

async function isFile(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isFile();
  } catch {
    return false;
  }
}

async function runFile(
  file: PolicyTestFile,
  fileDiagnostics: readonly Diagnostic[],
  options: ConfigOption,
  env: Terminal['env'],
  coverage: Coverage,
  texts: Map<string, string>,
): Promise<FileResult> {
  const { path } = file;
  const { config, diagnostics: configDiagnostics } = configOfTests(file, options, env);
  const diagnostics = [...fileDiagnostics, ...configDiagnostics].sort(compareDiagnostics);
  if (config === null) return { path, diagnostics, tests: [] };
  const policyPaths = (file.policies ?? ['.']).map((name) => join(dirname(path), name));
  try {
    const ready = await snapshotOf(config, policyPaths);
    for (const [name, text] of ready.texts) texts.set(name, text);
    coverage.addPolicies(ready.snapshot);
    const tests = file.tests.map((test) => runTest(test, config, ready.snapshot));
    for (const { decided } of tests) if (decided !== null) coverage.addDecision(decided);
    return { path, diagnostics, tests };
  } catch (error) {
    if (!(error instanceof CommandFailure)) throw error;
    for (const [name, text] of error.texts) texts.set(name, text);
    return { path, diagnostics: [...diagnostics, ...error.diagnostics], tests: [] };
  }
}

/** Metadata namespace for claims that no Envoy would send. */
const VERIFIED_HERE = 'portcullis.verified';

function runTest(test: PolicyTest, config: ServiceConfig, snapshot: PolicySnapshot): TestResult {
  const { name, request, expect, position } = test;
  const common = { name, line: position.line };
  const unable = (problem: string): TestResult => ({
    ...common,
    passed: false,
    differences: [],
    decided: null,
    problem,
  });
  const { jwtMetadata } = config.identity;
  const isVerifiedHere = jwtMetadata === '' && snapshot.authentications.length > 0;
  if (request.claims !== null && jwtMetadata === '' && !isVerifiedHere) {
    const how =
      'neither `identity.jwtMetadata` is set, nor does an IdentityProvider or RequestAuthentication say who issues tokens';
    return unable(`the request has claims, and ${how}: no policy would see them`);
  }
  const claimsIn = isVerifiedHere ? VERIFIED_HERE : jwtMetadata;
  let bytes: Uint8Array;
  try {
    bytes = checkRequestOf(request, claimsIn);
  } catch (cause) {
    return unable(`the request cannot be written as a CheckRequest: ${String(cause)}`);
  }
  const nowMs = request.timeMs ?? Date.now();
  const decided = explainOffline(bytes, {
    snapshot,
    ...answerSettings(config),
    nowMs,
    ...(isVerifiedHere ? { provenIn: VERIFIED_HERE } : {}),
  });
  if (decided === null) return unable('the request is no CheckRequest');
  const found = differences(expect, decided);
  return { ...common, passed: found.length === 0, differences: found, decided, problem: null };
}
