/** `portcullis.dev/v1` AccessPolicy. */
import * as z from 'zod';
import { formatted } from './format.ts';
import {
  MAX_ALTERNATIVES,
  MAX_BODY_LENGTH,
  MAX_CONDITION_LENGTH,
  MAX_NAMES,
  MAX_RULE_NAME_LENGTH,
  MAX_RULES,
  MAX_SERVICE_ACCOUNTS,
  MAX_TEMPLATE_LENGTH,
  MAX_VALUES,
} from './limits.ts';

/** An empty list would be "as if absent" in Istio: any source. Here it is refused, since nobody writes it to mean that. */
function values(description: string) {
  return z.array(z.string().min(1)).min(1).max(MAX_VALUES).optional().describe(description);
}

function pair<const Name extends string>(name: Name, description: string) {
  const not = `not${name.charAt(0).toUpperCase()}${name.slice(1)}` as `not${Capitalize<Name>}`;
  return { [name]: values(`${description} Any of them.`), [not]: values(`${description} None of them.`) } as Record<
    Name | `not${Capitalize<Name>}`,
    ReturnType<typeof values>
  >;
}

const source = z
  .strictObject({
    ...pair(
      'principals',
      'SPIFFE IDs of the caller without `spiffe://`: `td/ns/x/sa/y` exact, `td/ns/x/*` prefix, `*/sa/y` suffix, `*` any identity.',
    ),
    ...pair('requestPrincipals', '`issuer/subject` of the verified token: exact, prefix, suffix or `*`.'),
    ...pair('namespaces', 'Namespaces of the caller (from its SPIFFE ID).'),
    ...pair('serviceAccounts', 'Service accounts of the caller: `sa` (namespace of this policy) or `ns/sa`.'),
    ...pair('trustDomains', 'Trust domains of the caller: exact, or one `*` at an end.'),
    ...pair('ipBlocks', 'Addresses or CIDR blocks of the direct peer.'),
    ...pair(
      'remoteIpBlocks',
      'Addresses or CIDR blocks of the client behind proxies; needs `clientIp` in the service configuration.',
    ),
    ...pair('groups', 'PrincipalGroups: `name` in this namespace, or `ns/name` in the root namespace.'),
  })
  .describe('Who calls. All fields must hold; of a field one value.');

const operation = z
  .strictObject({
    ...pair('hosts', 'Host of the request without its port; exact, `*.example.com`, `api.*` or `*`.'),
    ...pair('ports', 'Port of the called workload, in quotes.'),
    ...pair('methods', 'HTTP methods, upper case.'),
    ...pair(
      'paths',
      'Path without the query: exact, `/a/*` prefix, `*/z` suffix, or a template: `/orders/{*}` one segment, `/files/{**}` the rest.',
    ),
  })
  .describe('What is called. All fields must hold; of a field one value.');

const condition = z
  .strictObject({
    key: z.string().describe('An attribute, e.g. `request.headers[x-tenant]` or `request.auth.claims[realm][role]`.'),
    values: values('Any of them.'),
    notValues: values('None of them.'),
  })
  .describe('A condition on one attribute.');

/** Pattern for a point in time. Which day a month has is looked at later. */
export const timestamp = formatted(
  /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d{1,9})?([Zz]|[+-]\d{2}:\d{2})$/,
  'bad-timestamp',
  'point in time',
  'write it as RFC 3339 has it, with a time zone, e.g. `2027-01-01T00:00:00Z`',
);

const template = z.string().max(MAX_TEMPLATE_LENGTH);
const templates = (description: string) => z.record(z.string(), template).optional().describe(description);
const names = (description: string) => z.array(z.string().min(1)).max(MAX_NAMES).optional().describe(description);

const respond = z
  .strictObject({
    request: z
      .strictObject({
        set: templates(
          'Headers set on the request, in place of what the client sent. `${…}` puts attributes in; an absent one removes the header.',
        ),
        remove: names('Headers removed from the request.'),
        query: z
          .strictObject({ set: templates('Query parameters set.'), remove: names('Query parameters removed.') })
          .optional()
          .describe('The query of the request.'),
      })
      .optional()
      .describe('What the called workload sees.'),
    response: z
      .strictObject({ set: templates('Headers set on the response.') })
      .optional()
      .describe('What the client sees when the request was allowed.'),
    deny: z
      .strictObject({
        status: z.int().min(400).max(599).optional().describe('HTTP status; 403 when left out.'),
        body: z.string().max(MAX_BODY_LENGTH).optional().describe('Body of the answer; may hold `${…}`.'),
        headers: templates('Headers of the answer.'),
      })
      .optional()
      .describe('The answer of a DENY policy.'),
  })
  .describe('What a matching rule changes. Only the first rule that matches responds.');

const rule = z
  .strictObject({
    name: formatted(
      new RegExp(`^[A-Za-z0-9]([-A-Za-z0-9_.]{0,${MAX_RULE_NAME_LENGTH - 2}}[A-Za-z0-9])?$`),
      'bad-name',
      'rule name',
      `a rule name is at most ${MAX_RULE_NAME_LENGTH} letters, digits, \`-\`, \`_\` and \`.\`, and begins and ends with a letter or digit`,
    )
      .optional()
      .describe('Name in logs, metrics, tests and explanations. Unique in the policy.'),
    from: z
      .array(z.strictObject({ source }))
      .min(1)
      .max(MAX_ALTERNATIVES)
      .optional()
      .describe('Callers, any of them. Left out: anyone.'),
    to: z
      .array(z.strictObject({ operation }))
      .min(1)
      .max(MAX_ALTERNATIVES)
      .optional()
      .describe('Operations, any of them. Left out: anything.'),
    when: z.array(condition).min(1).max(MAX_ALTERNATIVES).optional().describe('Conditions, all of them.'),
    condition: z
      .string()
      .min(1)
      .max(MAX_CONDITION_LENGTH)
      .optional()
      .describe(
        'A CEL expression over source, destination, request, claims and now. An error in it is no match for ALLOW and a match for DENY.',
      ),
    valid: z
      .strictObject({
        from: timestamp.optional().describe('First moment at which the rule counts (RFC 3339).'),
        until: timestamp.optional().describe('First moment at which it no longer counts (RFC 3339).'),
      })
      .optional()
      .describe('When the rule counts.'),
    respond: respond.optional(),
  })
  .describe('Matches when one of `from`, one of `to`, all of `when` and `condition` hold.');

export const accessPolicySpec = z
  .strictObject({
    selector: z
      .strictObject({
        matchLabels: z
          .record(z.string(), z.string())
          .optional()
          .describe('Labels that the called workload must have, all of them.'),
      })
      .optional()
      .describe(
        'Which workloads of the namespace (of the mesh, in the root namespace) the policy is about. Left out: all.',
      ),
    serviceAccounts: z
      .array(z.string().min(1))
      .min(1)
      .max(MAX_SERVICE_ACCOUNTS)
      .optional()
      .describe(
        'Which workloads by their service account: `sa`, or `ns/sa` in the root namespace. Both this and `selector` must hold.',
      ),
    action: z
      .enum(['ALLOW', 'DENY'])
      .optional()
      .describe('ALLOW when left out. A match of a DENY policy wins over every ALLOW.'),
    audit: z
      .enum(['all', 'denied', 'sample'])
      .optional()
      .describe(
        'Which requests that this policy allows are recorded: all, none (denied), or the share of `audit.allowSample` (sample), as when left out. Denials are recorded whatever it says.',
      ),
    mode: z.enum(['Enforce', 'Shadow']).optional().describe('Shadow: decided and reported, never enforced.'),
    rules: z
      .array(rule)
      .max(MAX_RULES)
      .optional()
      .describe('Any of them. An ALLOW policy without rules denies everything; a DENY policy needs one.'),
  })
  .describe('Who may do what to which workload.');
