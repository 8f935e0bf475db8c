/**
 * From whole recordings to what the tests need of them. As a program:
 *
 *     node test/conformance/reduce.ts FOLDER
 *
 * writes p.jsonl.gz, b.jsonl.gz, p-invalid.jsonl.gz and b-invalid.jsonl.gz here anew, from the files
 * `*-public.jsonl.gz` and `*-invalid-policies.jsonl.gz` of the folder, and fails when a form that is left out because
 * it can be made from another cannot.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join as joinPath } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { canonical, joined, protobufJson, sameMessage } from './messages.ts';
import type { InvalidSet, VectorRequest, VectorSet } from './vectors.ts';

/** A line of a recording, as far as it is used. */
export interface RecordedSet {
  readonly id: string;
  readonly workload: VectorSet['workload'];
  readonly envoy: { readonly useRemoteAddress: boolean; readonly xffNumTrustedHops: number };
  readonly policies: string;
  readonly requests: readonly RecordedRequest[];
}

interface RecordedRequest {
  readonly id: string;
  readonly expect: 'allow' | 'deny';
  /** Envoy's response code details, of a denial. */
  readonly detail?: string;
  /** The CheckRequest with header lines joined, as protobuf JSON and as bytes. */
  readonly checkRequest: {
    readonly attributes: {
      readonly destination: { readonly address: { readonly socketAddress: { readonly address: string } } };
    };
  };
  readonly checkRequestB64: string;
  readonly rawHeadersB64: string;
}

export interface RecordedInvalidSet {
  readonly id: string;
  readonly policies: string;
}

export function reduceSet({ id, workload, envoy, policies, requests }: RecordedSet): VectorSet {
  const addresses = requests.map(
    ({ checkRequest }) => checkRequest.attributes.destination.address.socketAddress.address,
  );
  return {
    id,
    workload,
    envoy: { useRemoteAddress: envoy.useRemoteAddress, xffTrustedHops: envoy.xffNumTrustedHops },
    addresses: [...new Set(addresses)],
    policies,
    requests: requests.map(reduceRequest),
  };
}

function reduceRequest({ id, expect, detail, checkRequestB64, rawHeadersB64 }: RecordedRequest): VectorRequest {
  const derivable = sameMessage(joined(Buffer.from(rawHeadersB64, 'base64')), Buffer.from(checkRequestB64, 'base64'));
  return {
    id,
    expect,
    ...(expect === 'deny' && { denied: namedRule(detail) }),
    raw: rawHeadersB64,
    ...(!derivable && { joined: checkRequestB64 }),
  };
}

/** `rbac_access_denied_matched_policy[ns[foo]-policy[p0]-rule[1]]` is `foo/p0[1]`. */
function namedRule(detail = ''): string {
  const named = /^rbac_access_denied_matched_policy\[(.*)\]$/.exec(detail)?.[1];
  if (named === 'none') return named;
  const [, namespace, policy, rule] = /^ns\[(.*)\]-policy\[(.*)\]-rule\[(\d+)\]$/.exec(named ?? '') ?? [];
  if (namespace === undefined || policy === undefined || rule === undefined)
    throw new Error(`a denial that names nothing: \`${detail}\``);
  return `${namespace}/${policy}[${rule}]`;
}

/** Without Istio's words. */
export function reduceInvalidSet({ id, policies }: RecordedInvalidSet): InvalidSet {
  return { id, policies };
}

function readRecording<Line>(folder: string, file: string): Line[] {
  const text = gunzipSync(readFileSync(joinPath(folder, file))).toString('utf8');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

function write(name: string, lines: readonly unknown[]): void {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join('');
  writeFileSync(new URL(`./${name}.jsonl.gz`, import.meta.url), gzipSync(text, { level: 9 }));
}

/** The suite makes protobuf JSON itself: what it makes must be what was recorded. */
function assertSameJson({ id, requests }: RecordedSet): void {
  for (const request of requests)
    if (canonical(protobufJson(Buffer.from(request.checkRequestB64, 'base64'))) !== canonical(request.checkRequest))
      throw new Error(`${id} ${request.id}: the JSON made of the bytes is not the recorded one`);
}

function main(folder: string): void {
  for (const name of ['p', 'b']) {
    const recorded = readRecording<RecordedSet>(folder, `${name}-public.jsonl.gz`);
    recorded.forEach(assertSameJson);
    const sets = recorded.map(reduceSet);
    const [apart] = sets.flatMap(({ id, requests }) => requests.filter((r) => r.joined !== undefined).map(() => id));
    if (apart !== undefined) throw new Error(`${apart}: the joined form is not the lines joined`);
    write(name, sets);
    write(
      `${name}-invalid`,
      readRecording<RecordedInvalidSet>(folder, `${name}-invalid-policies.jsonl.gz`).map(reduceInvalidSet),
    );
  }
}

if (import.meta.main) {
  const [folder] = process.argv.slice(2);
  if (folder === undefined) throw new Error('usage: node test/conformance/reduce.ts FOLDER');
  main(folder);
}
