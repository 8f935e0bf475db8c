import { readFileSync } from 'node:fs';

export const RECORDED_FILE = new URL('./check-requests.json', import.meta.url);

export interface RecordedCall {
  /** Of the header block, in the order in which they came. */
  readonly fields: readonly (readonly [name: string, value: string])[];
  /** The CheckRequest, base64. */
  readonly message: string;
}

/**
 * `plain`: what an Envoy sends that is only told where the service is. `recommended`: raw headers, the caller's certificate,
 * the server name, and which workload is called. `token`: the same with a bearer token, whose claims Envoy has verified.
 */
export const SHAPES = ['plain', 'recommended', 'token'] as const;
export type ShapeName = (typeof SHAPES)[number];

export interface Recorded {
  /** Which Envoy it was. */
  readonly envoy: string;
  readonly shapes: Readonly<Record<ShapeName, RecordedCall>>;
}

export function readRecorded(): Recorded {
  return JSON.parse(readFileSync(RECORDED_FILE, 'utf8')) as Recorded;
}
