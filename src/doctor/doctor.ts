/**
 * Looks at the configuration of Envoy and of Istio for whatever opens or blinds the gate: requests that nobody is asked
 * about, answers that do not count, and questions that leave out what rules read.
 */
import { compareDiagnostics } from '../lib/diagnostic.ts';
import type { Diagnostic } from '../lib/diagnostic.ts';
import { Documents } from './documents.ts';
import { checkEnvoy } from './envoy/check.ts';
import { fromDump, fromFiles } from './envoy/configuration.ts';
import { Findings } from './finding.ts';
import type { Finding } from './finding.ts';
import { checkIstio } from './istio/check.ts';
import { Part } from './part.ts';
import type { ServiceFacts } from './service-facts.ts';
import { readTrees } from './text/read-trees.ts';

export interface InputFile {
  readonly path: string;
  readonly text: string;
}

export interface Examination {
  /** Sorted by place. */
  readonly findings: readonly Finding[];
  /** What could not be read, so that the rest may not be the whole truth. */
  readonly problems: readonly Diagnostic[];
}

/** Never throws, whatever the texts are. `facts`: what is compared with the configuration of Portcullis. */
export function examine(files: readonly InputFile[], facts: ServiceFacts): Examination {
  const findings = new Findings();
  const documents = new Documents();
  const problems: Diagnostic[] = [];
  for (const { path, text } of files) {
    const trees = readTrees(path, text);
    for (const problem of trees.problems) {
      // A script or a bundle of certificates: nothing that is looked at here.
      if (problem.code === 'string-too-long') findings.addAt('not-shown', problem.position, '', problem.message);
    }
    // One is enough: the file has to be mended, or left out, before more is known.
    const first = trees.problems.find(({ code }) => code !== 'string-too-long');
    if (first !== undefined) problems.push(first);
    for (const node of trees.nodes) documents.add(Part.root(findings, node));
  }
  problems.push(...documents.problems);
  if (documents.isEmpty && problems.length === 0) {
    const position = { file: files[0]?.path ?? '', line: 1, column: 1 };
    findings.addAt('nothing-to-check', position, '', 'there is nothing in the input that configures Envoy or Istio');
  }
  check(documents, facts);
  return { findings: findings.sorted(), problems: problems.sort(compareDiagnostics) };
}

function check(documents: Documents, facts: ServiceFacts): void {
  const { dumps, bootstraps, resources } = documents;
  for (const dump of dumps) checkEnvoy(fromDump(dump), facts);
  // Files of resources belong to the one bootstrap beside them; to which of several, nobody can tell.
  const [only] = bootstraps.length === 1 ? bootstraps : [];
  if (only !== undefined) checkEnvoy(fromFiles(only, resources), facts);
  else {
    for (const bootstrap of bootstraps) checkEnvoy(fromFiles(bootstrap, []), facts);
    if (resources.length > 0) checkEnvoy(fromFiles(null, resources), facts);
  }
  const { meshConfigs: configs, ...objects } = documents;
  const isAlone = dumps.length + bootstraps.length + resources.length === 0;
  checkIstio({ configs, ...objects }, facts, isAlone);
}
