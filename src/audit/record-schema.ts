/** The lines of the decision log as JSON Schema (draft 2020-12), for those who read it; made from one definition. */
import * as z from 'zod';
import { SCHEMA_VERSION } from './lines.ts';

const decision = z.enum(['allow', 'deny']);
const policy = z.string().nullable();
const rule = z.union([z.string(), z.int().min(0)]).nullable();
const time = z.iso.datetime({ precision: 3 }).describe('UTC.');
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.int().min(0);

const head = {
  level: z.enum(['info', 'warn']),
  time,
  schema: z.literal(SCHEMA_VERSION).describe('Another one when what a field means changes, not when one is added.'),
  stream: z.string().describe('Who writes: INSTANCE/WORKER/START.'),
};

const record = z
  .strictObject({
    ...head,
    msg: z.literal('decision'),
    seq: z
      .int()
      .min(1)
      .describe('Number of the decision in the stream, without holes but for those that gap lines name.'),
    id: z.string().describe('As in the dynamic metadata of the answer.'),
    decision,
    reason: z.string().describe('From the closed list of reasons.'),
    httpStatus: z.int().min(200).max(599),
    policy: policy.describe('`namespace/name` of the policy that decided.'),
    rule: rule.describe('Its rule: the name, else the number from 0.'),
    revision: z.string().nullable().describe('Of the policies that decided.'),
    principal: z.string().nullable().describe("The caller's SPIFFE ID."),
    requestPrincipal: z.string().nullable().describe('`issuer/subject` of the verified token.'),
    workload: z
      .strictObject({
        namespace: z.string().nullable(),
        serviceAccount: z.string().nullable(),
        labels: z.record(z.string(), z.string()).nullable(),
      })
      .nullable()
      .describe('The called workload.'),
    method: z.string(),
    host: z.string(),
    path: z.string().describe('With the names of query parameters, without their values.'),
    envoyRequestId: z.string().nullable().describe('x-request-id, which a client may have chosen.'),
    traceId: z
      .string()
      .regex(/^(?:[0-9a-f]{32}|[0-9a-f]{16})$/)
      .nullable(),
    spanId: z
      .string()
      .regex(/^[0-9a-f]{16}$/)
      .optional()
      .describe("Of the check's own span, where it is traced."),
    headers: z.record(z.string(), z.array(z.string())).optional().describe('Those of `audit.headers`, line by line.'),
    claims: z.record(z.string(), z.json()).optional().describe('Those of `audit.claims`.'),
    durationMicros: z.number().min(0),
    cached: z.boolean(),
    shadow: z.strictObject({ decision, reason: z.string(), policy, rule }).nullable(),
  })
  .describe('One decision.');

const begin = z
  .strictObject({
    ...head,
    msg: z.literal('audit begin'),
    instance: z.string(),
    worker: count,
    workers: z.int().min(1),
    sink: z.string(),
    flushMs: count,
    required: z.boolean(),
    method: z.enum(['none', 'hmac-sha256', 'ed25519']),
    previous: z
      .strictObject({
        stream: z.string(),
        seq: count,
        batch: count,
        hash: z.union([hash, z.literal('')]),
        time,
        clean: z.boolean(),
      })
      .nullable()
      .describe('What was last known of the stream before.'),
  })
  .describe('A stream begins.');

const uncleanEnd = z
  .strictObject({
    ...head,
    msg: z.literal('audit unclean end'),
    of: z.string(),
    lastSeq: count,
    lastBatch: count,
    since: time,
    until: time,
    flushMs: count,
  })
  .describe('The stream before was not ended: decisions behind its last known one, of `flushMs` at most, are lost.');

const gap = z
  .strictObject({
    ...head,
    msg: z.literal('audit gap'),
    reason: z.enum(['no-room', 'sink-lost', 'spill-lost']),
    of: z.string(),
    from: z.int().min(1),
    to: count,
    records: count,
    batches: z
      .tuple([z.int().min(1), z.int().min(1)])
      .nullable()
      .describe('First and last of the batches that are missing with them.'),
  })
  .describe('Decisions that are missing.');

const retired = z
  .strictObject({
    ...head,
    msg: z.literal('audit retired'),
    file: z.string(),
    of: z.string(),
    batch: count,
    seq: count,
    hash: z.union([hash, z.literal('')]),
  })
  .describe('A file was removed because there were more than `audit.file.maxFiles`: the log up to here.');

const end = z.strictObject({ ...head, msg: z.literal('audit end'), seq: count }).describe('A stream ends in order.');

const seal = z
  .strictObject({
    ...head,
    msg: z.literal('audit seal'),
    batch: z.int().min(1),
    from: z.int().min(1),
    to: count,
    records: count,
    previous: hash,
    hash: hash.describe('SHA-256 over the bytes of `previous` and the lines of this stream since the seal before.'),
    method: z.enum(['hmac-sha256', 'ed25519']),
    key: z.string().regex(/^[0-9a-f]{16}$/),
    signature: z.base64(),
  })
  .describe('A batch ends, and is sealed.');

export const lineSchema = z.discriminatedUnion('msg', [record, begin, uncleanEnd, gap, retired, end, seal]);

/** The text of policies/schema/decision-record.schema.json, as the formatter would leave it alone. */
export function recordSchemaText(): string {
  const schema = z.toJSONSchema(lineSchema);
  const titled = { ...schema, title: 'Portcullis decision log', description: 'One line of the decision log.' };
  return `${JSON.stringify(titled, null, 2)}\n`;
}
