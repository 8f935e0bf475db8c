/** `*.test.yaml`: requests in short form with the decision that is expected. */
import * as z from 'zod';
import { timestamp } from './access-policy.ts';

/** Tests in one file: above this they are data, made by a program, and go better into `check --requests`. */
const MAX_TESTS = 10_000;

const text = (description: string) => z.string().nullable().optional().describe(description);
const labels = z.record(z.string(), z.string()).nullable().optional();
const port = z.int().min(0).max(65535).nullable().optional();

const request = z
  .strictObject({
    principal: text('SPIFFE ID of the calling workload, with or without `spiffe://`. Left out: no certificate.'),
    sans: z
      .array(z.string().min(1))
      .min(1)
      .nullable()
      .optional()
      .describe('All URI SANs of the caller’s certificate, when it has more than `principal`.'),
    method: text('GET when left out.'),
    scheme: text('`https` when there is a principal, else `http`.'),
    protocol: text('`HTTP/2` when left out.'),
    host: text('`:authority`, with a port if the client sends one. `localhost` when left out.'),
    path: text('Path with its query, as sent. `/` when left out.'),
    headers: z
      .record(z.string(), z.union([z.string(), z.array(z.string()).min(1)]))
      .nullable()
      .optional()
      .describe('Headers by name; a list stands for several lines of one header.'),
    size: z.int().min(-1).nullable().optional().describe('Bytes of the body; -1 when not known.'),
    claims: z
      .record(z.string(), z.unknown())
      .nullable()
      .optional()
      .describe('Claims of the verified token, `iss` and `sub` among them. Left out: no token.'),
    sourceIp: text('Address of the direct peer. `127.0.0.1` when left out.'),
    destination: z
      .strictObject({
        address: text('Address of the called workload; a WorkloadEntry is found by it.'),
        port: port.describe('Port of the called workload; 80 when left out.'),
        principal: text('SPIFFE ID of the called workload.'),
        labels: labels.describe('Labels that Envoy tells about the called workload.'),
      })
      .nullable()
      .optional()
      .describe('The called workload as Envoy tells it.'),
    workload: z
      .strictObject({
        namespace: text('Namespace.'),
        serviceAccount: text('Service account.'),
        labels: labels.describe('Labels.'),
      })
      .nullable()
      .optional()
      .describe(
        'The called workload as `context_extensions` of Envoy’s filter tell it: the shortest way to say which policies apply.',
      ),
    sni: text('Server name of the TLS session.'),
    time: timestamp.nullable().optional().describe('Time of the request (RFC 3339); `now` of the file when left out.'),
  })
  .describe('A request in short form.');

const expectation = z
  .strictObject({
    decision: z.enum(['allow', 'deny']).describe('What is decided.'),
    status: z.int().min(200).max(599).optional().describe('HTTP status of a denial; 200 for allow.'),
    reason: z.string().optional().describe('Reason code, e.g. `deny_rule` or `no_rule_matched`.'),
    policy: z.string().nullable().optional().describe('`namespace/name` of the policy that decided; null: none.'),
    rule: z
      .union([z.string(), z.int().min(0)])
      .nullable()
      .optional()
      .describe('Name, or index, of the rule that decided; null: none.'),
    headers: z
      .strictObject({
        set: z.record(z.string(), z.string()).optional().describe('Request headers that are set, with their values.'),
        remove: z.array(z.string()).optional().describe('Request headers that are removed.'),
      })
      .optional()
      .describe('Changes of the request. What is not named here is not looked at.'),
    query: z
      .strictObject({
        set: z.record(z.string(), z.string()).optional().describe('Query parameters that are set.'),
        remove: z.array(z.string()).optional().describe('Query parameters that are removed.'),
      })
      .optional()
      .describe('Changes of the query. What is not named here is not looked at.'),
    responseHeaders: z.record(z.string(), z.string()).optional().describe('Headers of the answer to the client.'),
    body: z.string().optional().describe('Body of a denial.'),
  })
  .describe('What is expected. Only what is written is compared.');

export const policyTestFile = z
  .strictObject({
    policies: z
      .array(z.string().min(1))
      .min(1)
      .optional()
      .describe('Policy files, relative to this one. Left out: all policy files of this directory.'),
    config: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Keys of the service configuration that differ from the defaults.'),
    now: timestamp.optional().describe('Time of all requests (RFC 3339). Left out: the time at which the tests run.'),
    defaults: z
      .strictObject({ request: request.optional() })
      .optional()
      .describe(
        'Fields that requests have unless they say otherwise. `headers` are merged by name; null takes a default away.',
      ),
    tests: z
      .array(
        z.strictObject({
          name: z.string().min(1).describe('What is tested. Unique in the file.'),
          request: request.optional(),
          expect: expectation,
        }),
      )
      .min(1)
      .max(MAX_TESTS)
      .describe('The tests.'),
  })
  .describe('Tests of policies: `portcullis test`.');
