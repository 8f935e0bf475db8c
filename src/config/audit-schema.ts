/** `audit`: which decisions are recorded, what of them, and where records go. */
import * as z from 'zod';
import { isLoopbackHost } from './address.ts';
import { claimReference, instanceName, optionalFilePath, recordedHeader, webUrlOrEmpty } from './values.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;
const DAY_SECONDS = 86_400;

const directory = optionalFilePath;

const file = z
  .strictObject({
    directory: directory.describe(
      'Directory of the log files of the sink `file`; each process writes files of its own.',
    ),
    maxBytes: z
      .int()
      .min(64 * KIB)
      .max(64 * GIB)
      .default(128 * MIB)
      .describe('A file of about this size is followed by a new one.'),
    maxAgeSeconds: z
      .number()
      .min(1)
      .max(366 * DAY_SECONDS)
      .default(DAY_SECONDS)
      .describe('So is one of this age.'),
    maxFiles: z
      .int()
      .min(0)
      .max(100_000)
      .default(0)
      .describe(
        'Files kept of each process number; the oldest ones are removed, which the log says. 0: all, for others to take away.',
      ),
  })
  .prefault({});

function collector(what: string) {
  return {
    url: webUrlOrEmpty.default('').describe(`Where the sink \`${what}\` posts batches to.`),
    gzip: z.boolean().default(true).describe('Compress what is sent.'),
    timeoutSeconds: z.number().min(0.1).max(300).default(10).describe('For one request, with its answer.'),
    headersFile: optionalFilePath.describe(
      'File with secret headers to send, a `name: value` a line; read at each request. Only with HTTPS, or to this machine.',
    ),
    caFile: optionalFilePath.describe('PEM certificates that are trusted in place of those of the system.'),
  };
}

const http = z
  .strictObject({
    ...collector('http'),
    format: z
      .enum(['lines', 'array'])
      .default('lines')
      .describe('Body: the lines of the log (application/x-ndjson), or one JSON array of them.'),
  })
  .prefault({});

const otlp = z.strictObject(collector('otlp')).prefault({});

const integrity = z
  .strictObject({
    method: z
      .enum(['none', 'hmac-sha256', 'ed25519'])
      .default('none')
      .describe(
        'How each batch is sealed, so that `portcullis audit verify` finds what was changed or taken away: by a secret key that both have, or by a private key whose public half verifies.',
      ),
    keyFile: optionalFilePath.describe(
      'For `hmac-sha256` a file of at least 32 random bytes; for `ed25519` a PEM private key (PKCS #8).',
    ),
  })
  .superRefine(({ method, keyFile }, context) => {
    if ((method === 'none') === (keyFile === null)) return;
    context.addIssue(
      method === 'none'
        ? {
            code: 'custom',
            path: ['keyFile'],
            message: 'is a key that nothing is sealed with',
            params: { code: 'key-without-method', hint: 'set `audit.integrity.method`' },
          }
        : {
            code: 'custom',
            path: ['method'],
            message: 'needs `audit.integrity.keyFile`: anyone can make a seal without a key',
            params: {
              code: 'seal-without-key',
              hint: 'make one: `openssl rand -out FILE 32`, or `openssl genpkey -algorithm ed25519 -out FILE`',
            },
          },
    );
  })
  .prefault({});

export const audit = z
  .strictObject({
    denials: z.boolean().default(true).describe('Record each denied request.'),
    allowSample: z
      .number()
      .min(0)
      .max(1)
      .default(0)
      .describe(
        'Share of allowed requests that are recorded, 0 to 1, where `spec.audit` of the policy that allows says nothing else.',
      ),
    required: z
      .boolean()
      .default(false)
      .describe(
        'Deny (503 `audit_unavailable`) what ought to be recorded and cannot be, because there is no room left for it.',
      ),
    headers: z
      .array(recordedHeader)
      .max(64)
      .default([])
      .describe(
        'Request headers whose values are recorded; names that hold secrets are refused, and headers with a proof of identity are masked.',
      ),
    claims: z
      .array(claimReference)
      .max(64)
      .default([])
      .describe('Claims of the verified token that are recorded: `NAME`, or `[a][b]` inside objects.'),
    sinks: z
      .array(z.enum(['stderr', 'stdout', 'file', 'http', 'otlp']))
      .min(1)
      .max(5)
      .default(['stderr'])
      .describe('Where records go: `stderr`, `stdout`, `file`, `http`, `otlp`; several get the same records.'),
    flushMs: z
      .int()
      .min(10)
      .max(60_000)
      .default(1000)
      .describe('A batch is written after this time at the latest, in milliseconds: what a killed process may lose.'),
    maxQueueBytes: z
      .int()
      .min(MIB)
      .max(4 * GIB)
      .default(16 * MIB)
      .describe('Records that wait in memory for each sink, in bytes.'),
    directory: directory.describe(
      'Directory for records that wait for a sink, and for what links the log of one run to that of the next; absent: memory only.',
    ),
    maxSpillBytes: z
      .int()
      .min(MIB)
      .max(1024 * GIB)
      .default(GIB)
      .describe('Records that wait in `audit.directory` for each sink of each process, in bytes.'),
    instance: instanceName
      .default('')
      .describe('Name of this instance in the log, unique among all that write to one place; empty: the host name.'),
    file,
    http,
    otlp,
    integrity,
  })
  .superRefine(({ sinks, file: files, http: web, otlp: collected, ...rest }, context) => {
    const need = (path: string[], code: string, message: string, hint: string): void => {
      context.addIssue({ code: 'custom', path, message, params: { code, hint } });
    };
    if (new Set(sinks).size !== sinks.length) {
      need(['sinks'], 'duplicate-sink', 'has one sink twice', 'name each once');
    }
    if (sinks.includes('file') && files.directory === null) {
      need(['file', 'directory'], 'missing-key', 'is needed for the sink `file`', 'name a directory');
    }
    for (const [name, { url, headersFile }] of [
      ['http', web],
      ['otlp', collected],
    ] as const) {
      if (sinks.includes(name) && url === '') {
        need([name, 'url'], 'missing-key', `is needed for the sink \`${name}\``, 'write where it listens');
      }
      const address = URL.parse(url);
      if (headersFile !== null && address?.protocol === 'http:' && !isLoopbackHost(address.hostname)) {
        need([name, 'headersFile'], 'secret-over-http', 'would be sent without TLS', 'use `https://`');
      }
    }
    if (rest.required && rest.directory === null && sinks.some((sink) => sink === 'http' || sink === 'otlp')) {
      need(
        ['required'],
        'required-without-directory',
        'needs `audit.directory`: a collector that does not answer would deny everything within seconds',
        'name a directory in which records can wait',
      );
    }
  })
  .prefault({});
