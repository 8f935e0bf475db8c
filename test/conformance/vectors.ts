/**
 * Decisions that Istio's own translator and the real Envoy 1.40 made, each with the CheckRequest that Envoy sent:
 * with header lines apart (`raw`) and joined (`joined`). One policy set a line.
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';

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
  readonly requests: readonly {
    readonly id: string;
    readonly expect: 'allow' | 'deny';
    readonly raw: string;
    readonly joined: string;
  }[];
}

export function readVectors(name: 'p' | 'b'): readonly VectorSet[] {
  const text = gunzipSync(readFileSync(new URL(`./${name}.jsonl.gz`, import.meta.url))).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as VectorSet);
}
