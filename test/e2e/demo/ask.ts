import type { AccessLogEntry } from '../support/envoy.ts';
import { callGrpc } from '../support/grpc-client.ts';
import { valuesOf, type HeaderLine } from '../support/headers.ts';
import { sendHttp1 } from '../support/http1-client.ts';
import { clientWith } from '../support/identities.ts';
import type { Target } from '../support/target.ts';
import type { SeenRequest } from '../support/upstream.ts';
import type { Row } from './rows.ts';
import { certificateOfCaller, hostOf, type Demo } from './shop.ts';

/** What came of a row. */
export interface Outcome {
  readonly row: Row;
  readonly asExpected: boolean;
  readonly status: number;
  /** As in {@link Row}. */
  readonly rule: string;
  /** As in {@link Row}; empty: none. */
  readonly flaw: string;
  /** null: the request did not reach the upstream. */
  readonly seen: { readonly path: string; readonly headers: string } | null;
}

/** Sends the row's request through Envoy, and looks at all three sides: client, Envoy's access log, upstream. */
export async function ask(demo: Demo, row: Row, index: number): Promise<Outcome> {
  const name = `demo-${String(index)}`;
  const target = demo.envoy.target(row.workload, clientWith(certificateOfCaller(row.who), hostOf(row.workload)));
  const headers: HeaderLine[] = [['x-case', name], ...(row.headers ?? [])];
  if (row.token !== undefined) {
    headers.push(await demo.proofOf(row.token));
  }
  const before = demo.upstream.seen().length;
  const { status, flaw } = await send(target, row, headers);
  const rule = ruleOf(await demo.envoy.accessLogOf(name));
  const [request] = demo.upstream.seen().slice(before);
  const seen = request === undefined ? null : { path: request.path, headers: tellingHeaders(request) };
  const { expected } = row;
  const passes = expected.status === 200 || expected.status === 0;
  const asExpected =
    status === expected.status &&
    rule === expected.rule &&
    flaw === (expected.flaw ?? '') &&
    (passes ? seen?.headers === (expected.headers ?? '') : seen === null);
  return { row, asExpected, status, rule, flaw, seen };
}

type Answer = Pick<Outcome, 'status' | 'flaw'>;

async function send(target: Target, row: Row, headers: readonly HeaderLine[]): Promise<Answer> {
  const host = row.host ?? hostOf(row.workload);
  if (row.grpc === true) {
    return { status: (await callGrpc(target, { path: row.path, authority: host, metadata: headers })).code, flaw: '' };
  }
  const response = await sendHttp1(target, { method: row.method ?? 'GET', path: row.path, host, headers });
  const challenge = valuesOf(response.headers, 'www-authenticate').join();
  return { status: response.status, flaw: /error_description="([^"]*)"/.exec(challenge)?.[1] ?? '' };
}

function ruleOf({ metadata }: AccessLogEntry): string {
  const { policy, rule, reason } = metadata ?? {};
  if (typeof policy === 'string' && typeof rule === 'string') {
    return `${policy} ${rule}`;
  }
  return typeof reason === 'string' ? reason : 'nobody was asked';
}

/** Headers of applications; what HTTP and Envoy add themselves is not the demo's subject. */
function tellingHeaders(request: SeenRequest): string {
  return request.headers
    .filter(([name]) => /^x[-_]/.test(name) && !/^x-(forwarded-|envoy-|request-id$|case$)/.test(name))
    .map(([name, value]) => `${name}: ${value}`)
    .sort()
    .join(', ');
}
