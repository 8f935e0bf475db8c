/** Policy tests as data: what `*.test.yaml` says, with defaults filled in. */
import type { Position } from '../lib/diagnostic.ts';

export interface PolicyTestFile {
  readonly path: string;
  /** As written, relative to the file; null: all policy files of its directory. */
  readonly policies: readonly string[] | null;
  /** Keys of the service configuration; null: the defaults. */
  readonly config: { readonly value: JsonObject; readonly position: Position } | null;
  readonly tests: readonly PolicyTest[];
}

export interface PolicyTest {
  readonly name: string;
  readonly position: Position;
  readonly request: TestRequest;
  readonly expect: TestExpectation;
}

/** null: not said. What then is sent is the runner's to choose, as the schema describes. */
export interface TestRequest {
  /** A URI, `spiffe://` put in front when it was left out. */
  readonly principal: string | null;
  readonly sans: readonly string[] | null;
  readonly method: string | null;
  readonly scheme: string | null;
  readonly protocol: string | null;
  readonly host: string | null;
  readonly path: string | null;
  /** By lower-case name: the lines of each header. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  readonly size: number | null;
  readonly claims: JsonObject | null;
  readonly sourceIp: string | null;
  readonly destination: {
    readonly address: string | null;
    readonly port: number | null;
    readonly principal: string | null;
    readonly labels: ReadonlyMap<string, string> | null;
  };
  readonly workload: {
    readonly namespace: string | null;
    readonly serviceAccount: string | null;
    readonly labels: ReadonlyMap<string, string>;
  } | null;
  readonly sni: string | null;
  /** Milliseconds since the epoch; the file's `now` when the request has no `time`. */
  readonly timeMs: number | null;
}

/** undefined: not compared. null: expected to be none. */
export interface TestExpectation {
  readonly decision: 'allow' | 'deny';
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly policy: string | null | undefined;
  /** A name, or an index. */
  readonly rule: string | number | null | undefined;
  readonly headers: TestChanges;
  readonly query: TestChanges;
  readonly responseHeaders: ReadonlyMap<string, string>;
  readonly body: string | undefined;
}

/** Names of headers are lower case. */
export interface TestChanges {
  readonly set: ReadonlyMap<string, string>;
  readonly remove: readonly string[];
}

/** JSON with objects that have no prototype. */
export type Json = null | boolean | number | string | readonly Json[] | JsonObject;
export interface JsonObject {
  readonly [key: string]: Json;
}
