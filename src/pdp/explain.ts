/**
 * The whole way of a decision: each policy in scope, and for each rule that did not match the first field
 * that failed. Asks the same functions that decide.
 */
import { formatIp } from '../attributes/address.ts';
import { toText } from '../attributes/bytes.ts';
import type { Claim } from '../attributes/claim.ts';
import { isClaimList, isClaimMap } from '../attributes/claim.ts';
import type { HeaderLines } from '../attributes/header-lines.ts';
import type { RequestAttributes } from '../attributes/request-attributes.ts';
import { celHolds } from '../policy-index/match/cel-holds.ts';
import type { CompiledPolicy, CompiledRule } from '../policy/compile/compiled-rule.ts';
import { ruleLabel } from './decision.ts';
import { holds } from '../policy-index/match/holds.ts';
import { isValidAt, matchRule } from '../policy-index/match/match-rule.ts';
import type { Predicate } from '../policy/compile/predicate.ts';
import type { Scope } from '../policy-index/scope.ts';

export interface FieldFailure {
  /** Where in the rule: `from[0].source.principals`. */
  readonly field: string;
  /** What the rule wants there (of a `not…` field: does not want). */
  readonly wanted: readonly string[];
  /** What the request has. */
  readonly actual: string;
}

export interface RuleExplanation {
  readonly rule: string;
  readonly index: number;
  readonly matched: boolean;
  /** null when the rule matched. Of several alternatives, the one that came furthest. */
  readonly firstFailed: FieldFailure | null;
}

export interface PolicyExplanation {
  readonly kind: string;
  readonly policy: string;
  readonly action: string;
  readonly mode: string;
  readonly rules: readonly RuleExplanation[];
}

export function explainScope(scope: Scope, request: RequestAttributes, nowMs: number): readonly PolicyExplanation[] {
  return scope.policies.map((policy) => explainPolicy(policy, request, nowMs));
}

function explainPolicy(policy: CompiledPolicy, request: RequestAttributes, nowMs: number): PolicyExplanation {
  return {
    kind: policy.kind,
    policy: policy.name,
    action: policy.action,
    mode: policy.mode,
    rules: policy.rules.map((rule) => {
      const matched = matchRule(rule, request, nowMs);
      return {
        rule: ruleLabel(rule),
        index: rule.index,
        matched,
        firstFailed: matched ? null : firstFailure(rule, request, nowMs),
      };
    }),
  };
}

function firstFailure(rule: CompiledRule, request: RequestAttributes, nowMs: number): FieldFailure | null {
  const { action } = rule.policy;
  const failed =
    furthestFailure(rule.from, rule, request) ??
    furthestFailure(rule.to, rule, request) ??
    rule.when.find((predicate) => !holds(predicate, request, action)) ??
    null;
  if (failed !== null) return { field: failed.field, wanted: failed.wanted, actual: toText(describe(failed, request)) };
  if (rule.cel !== null && !celHolds(rule.cel, request, action, nowMs))
    return { field: 'condition', wanted: [rule.cel.text], actual: celOutcome(rule, request, nowMs) };
  if (!isValidAt(rule, nowMs)) return validFailure(rule, nowMs);
  return null;
}

function furthestFailure(
  alternatives: CompiledRule['from'],
  rule: CompiledRule,
  request: RequestAttributes,
): Predicate | null {
  if (alternatives === null) return null;
  let furthest: Predicate | null = null;
  let passed = -1;
  for (const predicates of alternatives) {
    const at = predicates.findIndex((predicate) => !holds(predicate, request, rule.policy.action));
    if (at < 0) return null;
    if (at > passed) {
      passed = at;
      furthest = predicates[at]!;
    }
  }
  return furthest;
}

function celOutcome(rule: CompiledRule, request: RequestAttributes, nowMs: number): string {
  // A DENY counts an error as a match, an ALLOW does not: where the two differ, there was one.
  const error = celHolds(rule.cel!, request, 'DENY', nowMs) !== celHolds(rule.cel!, request, 'ALLOW', nowMs);
  return error ? 'an error (an attribute is missing, or the readings of the path differ)' : 'false';
}

function validFailure(rule: CompiledRule, nowMs: number): FieldFailure {
  const time = (ms: number | null): string => (ms === null ? '…' : new Date(ms).toISOString());
  return {
    field: 'valid',
    wanted: [`${time(rule.valid?.fromMs ?? null)} to ${time(rule.valid?.untilMs ?? null)}`],
    actual: new Date(nowMs).toISOString(),
  };
}

const NONE = '(none)';

/** What the request has where the predicate looked. A byte string. */
function describe({ test }: Predicate, request: RequestAttributes): string {
  switch (test.attribute) {
    case 'peer':
      return list(request.peer.names);
    case 'spiffe':
      return request.peer.uris.length > 1
        ? `${request.peer.uris.join(', ')} (more than one URI SAN: no certain identity)`
        : list(request.peer.names);
    case 'groups':
      return [list(request.peer.uris), token(request)].filter((text) => text !== NONE).join(' with ') || NONE;
    case 'requestPrincipal':
      return token(request);
    case 'sourceIp':
      return request.sourceIp === null ? NONE : formatIp(request.sourceIp);
    case 'destinationIp':
      return request.destinationIp === null ? NONE : formatIp(request.destinationIp);
    case 'remoteIp': {
      const { address, certain } = request.remoteIp;
      return address === null
        ? NONE
        : `${formatIp(address)}${certain ? '' : ' (the peer: no client address was given)'}`;
    }
    case 'destinationPort':
      return String(request.destinationPort);
    case 'host':
      return request.authority === '' ? NONE : request.authority;
    case 'method':
      return request.method;
    case 'path':
      return (request.pathForms ?? [request.path]).join(' or ');
    case 'sni':
      return request.sni === '' ? NONE : request.sni;
    case 'header':
      return headerText(test.name, request.header(test.name));
    case 'claim':
      return request.claims === null ? '(no token)' : claimText(request.claim(test.path));
    case 'metadata':
      return claimText(request.metadata(test.filter, test.path));
  }
}

function list(values: readonly string[]): string {
  return values.length === 0 ? NONE : values.join(', ');
}

function token(request: RequestAttributes): string {
  const subject = request.tokenSubject;
  return subject === null ? NONE : `${subject.issuer}/${subject.subject}`;
}

/** Values of these are credentials. */
const SECRET_HEADERS: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'x-api-key']);

function headerText(name: string, lines: HeaderLines): string {
  if (lines.form === 'exact' && lines.lines.length === 0) return NONE;
  if (SECRET_HEADERS.has(name)) return '(not shown)';
  return lines.form === 'joined' ? `${lines.value} (one line or several)` : lines.lines.join(' | ');
}

function claimText(claim: Claim | undefined): string {
  if (claim === undefined) return NONE;
  if (isClaimList(claim)) return `[${claim.map(claimText).join(', ')}]`;
  if (isClaimMap(claim)) return '(an object)';
  return String(claim);
}
