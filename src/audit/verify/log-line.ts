/** A line of a file, as far as verifying wants to know of it. */
import * as z from 'zod';
import { SCHEMA_VERSION } from '../lines.ts';

const count = z.int().min(0);
const head = { schema: z.literal(SCHEMA_VERSION), stream: z.string() };

/** Looser than the published schema: what else is in a line is for the seal to hold. */
const logLine = z.discriminatedUnion('msg', [
  z.object({ ...head, msg: z.literal('decision'), seq: z.int().min(1) }),
  z.object({
    ...head,
    msg: z.literal('audit begin'),
    instance: z.string(),
    worker: count,
    workers: z.int().min(1),
    sink: z.string(),
    method: z.string(),
    previous: z
      .object({ stream: z.string(), seq: count, batch: count, hash: z.string(), clean: z.boolean() })
      .nullable(),
  }),
  z.object({
    ...head,
    msg: z.literal('audit unclean end'),
    of: z.string(),
    lastSeq: count,
    since: z.string(),
    until: z.string(),
    flushMs: count,
  }),
  z.object({
    ...head,
    msg: z.literal('audit gap'),
    reason: z.enum(['no-room', 'sink-lost', 'spill-lost']),
    of: z.string(),
    from: z.int().min(1),
    to: count,
    records: count,
    batches: z.tuple([z.int().min(1), z.int().min(1)]).nullable(),
  }),
  z.object({
    ...head,
    msg: z.literal('audit retired'),
    file: z.string(),
    of: z.string(),
    batch: count,
    seq: count,
  }),
  z.object({ ...head, msg: z.literal('audit end'), seq: count }),
  z.object({
    ...head,
    msg: z.literal('audit seal'),
    time: z.string(),
    batch: z.int().min(1),
    from: z.int().min(1),
    to: count,
    records: count,
    previous: z.string().regex(/^[0-9a-f]{64}$/),
    hash: z.string().regex(/^[0-9a-f]{64}$/),
    method: z.string(),
    key: z.string(),
    signature: z.string(),
  }),
]);

export type LogLine = z.output<typeof logLine>;
export type SealLine = Extract<LogLine, { readonly msg: 'audit seal' }>;
export type BeginLine = Extract<LogLine, { readonly msg: 'audit begin' }>;

/** null: no line of the decision log, or none any more. */
export function logLineOf(text: string): LogLine | null {
  // Most lines of a mixed log are others'.
  if (!text.includes('"stream":')) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  const parsed = logLine.safeParse(value);
  return parsed.success ? parsed.data : null;
}
