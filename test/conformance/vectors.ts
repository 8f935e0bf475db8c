/**
 * Decisions that Istio's own translator and the real Envoy made, each with the CheckRequest that Envoy sent. One policy
 * set a line; README.md tells where they come from. Besides the two files that are kept here, a folder can be named
 * with whole recordings (`*-public.jsonl.gz`, `*-invalid-policies.jsonl.gz`).
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { reduceInvalidSet, reduceSet } from './reduce.ts';

export interface VectorSet {
  readonly id: string;
  readonly workload: {
    readonly namespace: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly trustDomain: string;
    readonly trustDomainAliases?: readonly string[];
  };
  readonly envoy: { readonly useRemoteAddress: boolean; readonly xffTrustedHops: number };
  /** Where the called workload listens. */
  readonly addresses: readonly string[];
  readonly policies: string;
  readonly requests: readonly VectorRequest[];
}

export interface VectorRequest {
  readonly id: string;
  readonly expect: 'allow' | 'deny';
  /** Of a denial, what Envoy named: a rule as `namespace/policy[index]`, or `none` where no ALLOW matched. */
  readonly denied?: string;
  /** Envoy's bytes with header lines apart, in base64. */
  readonly raw: string;
  /** Envoy's bytes with lines joined, in base64, where joining the lines of `raw` gives something else. */
  readonly joined?: string;
}

/** Policies that Istio's validation refuses. */
export interface InvalidSet {
  readonly id: string;
  readonly policies: string;
}

export interface VectorFile<Line> {
  readonly name: string;
  readonly sets: readonly Line[];
  /** How many more sets the file has, which are decided already since they are kept here to the letter. */
  readonly kept: number;
}

/** Where whole recordings are, or null. */
export const RECORDINGS = process.env['PORTCULLIS_VECTORS'] || null;

const HERE = fileURLToPath(new URL('.', import.meta.url));

export function readVectors(name: 'p' | 'b'): readonly VectorSet[] {
  return readLines(joinPath(HERE, `${name}.jsonl.gz`)) as readonly VectorSet[];
}

function readInvalid(name: string): readonly InvalidSet[] {
  return readLines(joinPath(HERE, `${name}.jsonl.gz`)) as readonly InvalidSet[];
}

export function vectorFiles(): readonly VectorFile<VectorSet>[] {
  const here = (['p', 'b'] as const).map((name) => ({ name, sets: readVectors(name), kept: 0 }));
  return [...here, ...recordings('-public', reduceSet, here)];
}

export function invalidFiles(): readonly VectorFile<InvalidSet>[] {
  const here = ['p-invalid', 'b-invalid'].map((name) => ({ name, sets: readInvalid(name), kept: 0 }));
  return [...here, ...recordings('-invalid-policies', reduceInvalidSet, here)];
}

/** The files of the folder, without what is in those that are `here`. */
function recordings<Line>(
  ending: string,
  reduce: (recorded: never) => Line,
  here: readonly VectorFile<Line>[],
): readonly VectorFile<Line>[] {
  const folder = RECORDINGS;
  if (folder === null) return [];
  const kept = new Set(here.flatMap(({ sets }) => sets.map((set) => JSON.stringify(set))));
  const files = readdirSync(folder).filter((file) => file.endsWith(`${ending}.jsonl.gz`));
  return files.sort().map((file) => {
    const all = readLines(joinPath(folder, file)).map((recorded) => reduce(recorded as never));
    const sets = all.filter((set) => !kept.has(JSON.stringify(set)));
    return { name: file.slice(0, -'.jsonl.gz'.length), sets, kept: all.length - sets.length };
  });
}

function readLines(path: string): readonly unknown[] {
  const text = gunzipSync(readFileSync(path)).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
}
