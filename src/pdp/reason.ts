/** Why a request was allowed or denied: a closed list, for logs, metrics, metadata and the command line. */

/** Which of the configured denials answers (`responses` in the configuration). */
export type DenialClass = 'forbidden' | 'unauthenticated' | 'malformed' | 'overloaded' | 'internal';

interface ReasonFacts {
  readonly allowed: boolean;
  /** HTTP status unless configured or answered otherwise. */
  readonly status: number;
  readonly denial: DenialClass | null;
  /** The service cannot decide at all, whatever is asked: nothing of the request is looked at, or no more than that. */
  readonly isOutage: boolean;
  readonly meaning: string;
}

const allow = (meaning: string): ReasonFacts => ({
  allowed: true,
  status: 200,
  denial: null,
  isOutage: false,
  meaning,
});
const deny = (status: number, denial: DenialClass, meaning: string): ReasonFacts => ({
  allowed: false,
  status,
  denial,
  isOutage: false,
  meaning,
});
const outage = (meaning: string): ReasonFacts => ({ ...deny(503, 'overloaded', meaning), isOutage: true });

const REASONS = {
  allow_rule: allow('a rule of an ALLOW policy matched'),
  default_allow: allow('no ALLOW policy applies to the workload, and `defaultAction` is ALLOW'),
  deny_rule: deny(403, 'forbidden', 'a rule of a DENY policy matched'),
  no_rule_matched: deny(403, 'forbidden', 'ALLOW policies apply to the workload, and none of their rules matched'),
  default_deny: deny(403, 'forbidden', 'no ALLOW policy applies to the workload, and `defaultAction` is DENY'),
  token_required: deny(401, 'unauthenticated', 'no valid token came with the request, and one could change the answer'),
  invalid_token: deny(401, 'unauthenticated', 'the token or key that came with the request is not good'),
  identity_unavailable: deny(503, 'overloaded', 'whether the token or key is good cannot be told at the moment'),
  malformed_request: deny(400, 'malformed', 'the CheckRequest describes no HTTP request'),
  malformed_path: deny(400, 'malformed', 'the path could be read in two ways'),
  malformed_host: deny(400, 'malformed', 'the host could be read in two ways'),
  malformed_method: deny(400, 'malformed', 'the method is no HTTP token'),
  malformed_header: deny(400, 'malformed', 'headers contradict each other'),
  headers_too_large: deny(431, 'malformed', 'more headers than `limits` allows'),
  message_too_large: deny(413, 'malformed', 'the CheckRequest, with the body in it, is larger than `limits` allows'),
  workload_conflict: deny(403, 'forbidden', 'sources contradict each other about which workload is called'),
  workload_unresolved: deny(403, 'forbidden', 'a policy asks for something of the called workload that is not known'),
  response_too_large: deny(500, 'internal', 'a value to inject is longer than allowed'),
  not_ready: outage('no policies are loaded yet'),
  overloaded: outage('more checks came than could be decided in time'),
  audit_unavailable: deny(503, 'overloaded', 'the decision has to be recorded, and there is no room left for records'),
  deadline_exceeded: outage('the caller had stopped waiting'),
  peer_not_allowed: deny(403, 'forbidden', 'the client certificate is not on the list of allowed clients'),
  internal_error: deny(500, 'internal', 'something failed here; the log has the error'),
} as const satisfies Readonly<Record<string, ReasonFacts>>;

export type Reason = keyof typeof REASONS;

export const ALL_REASONS = Object.keys(REASONS) as readonly Reason[];

export function reasonFacts(reason: Reason): ReasonFacts {
  return REASONS[reason];
}
