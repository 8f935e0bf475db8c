/**
 * The way of a decision, for the admin API: by the functions that serve, bounded, and with what may be a secret taken out.
 * Whoever posts a request has it; of a decision that was kept only that is told which rules looked at.
 */
import { REDACTED, redactTarget } from '../../audit/redact.ts';
import { AskForProof } from '../../extauthz/ask-for-proof.ts';
import { readCheckRequest } from '../../extauthz/json/check-request.ts';
import { explainOffline } from '../../extauthz/offline.ts';
import type { Explanation, OfflineOptions } from '../../extauthz/offline.ts';
import { WireError } from '../../extauthz/wire/reader.ts';
import { isSecretName } from '../../lib/secret-name.ts';
import type { Field } from '../../pdp/obligations.ts';
import type { PolicySnapshot } from '../../policy-index/snapshot.ts';
import { decodeBody, jsonDepth, MAX_JSON_DEPTH } from '../body.ts';
import { HttpError } from '../route.ts';
import type { InspectorSettings, Task } from './messages.ts';
import { isSecretKey, whenKey } from './written.ts';

/** Rules that did not match, of all policies; those that did are all there. */
const MAX_MISSES = 500;
const MAX_POLICIES = 500;
/** Of what a field wants. */
const MAX_WANTED = 50;
const MAX_TEXT = 1024;

export function explainPosted(
  { body, nowMs }: Extract<Task, { readonly kind: 'explainPosted' }>,
  snapshot: PolicySnapshot,
  settings: InspectorSettings,
): object {
  const text = decodeBody(body);
  if (jsonDepth(text) > MAX_JSON_DEPTH)
    throw new HttpError(400, 'too-deep', `the body has more than ${MAX_JSON_DEPTH} levels`);
  const read = readCheckRequest(text);
  if ('error' in read) throw new HttpError(400, read.error.code, read.error.message);
  const explanation = explain(read.bytes, optionsOf(snapshot, settings, nowMs));
  if (explanation === null) throw new HttpError(400, 'not-a-check-request', 'the bytes are no CheckRequest');
  return {
    decided: null,
    policiesOfDecision: true,
    revision: snapshot.revision,
    at: new Date(nowMs).toISOString(),
    notes: explanation.unverifiedProof
      ? ['A token or key came with it, which is not verified here: explained as if none had come.']
      : [],
    explanation: shown(explanation, snapshot, true),
  };
}

export function explainKept(
  task: Extract<Task, { readonly kind: 'explainKept' }>,
  snapshot: PolicySnapshot,
  settings: InspectorSettings,
): object {
  const { shown: decided, request, proven, revision } = task;
  const same = revision === snapshot.revision;
  // By other policies it is another question: what would become of it now.
  const nowMs = same ? task.nowMs : Date.now();
  const options = optionsOf(snapshot, settings, nowMs);
  const explanation = explain(request, proven === null ? options : { ...options, proven });
  const notes: string[] = [];
  if (explanation === null) notes.push('It cannot be explained: the request cannot be read.');
  if (!same)
    notes.push(
      'The policies that decided are not in force any more: this is what the present ones say, now and not then.',
    );
  if (explanation?.unverifiedProof === true)
    notes.push('A token or key came with it and was not taken for a proof: explained as if none had come.');
  if (explanation !== null && same && explanation.reason !== decided['reason'])
    notes.push(
      `It was decided as \`${String(decided['reason'])}\` (${String(decided['meaning'])}), not by what the policies say below.`,
    );
  return {
    decided,
    policiesOfDecision: same,
    revision: snapshot.revision,
    at: new Date(nowMs).toISOString(),
    notes,
    explanation: explanation === null ? null : shown(explanation, snapshot, false),
  };
}

/** null: the bytes are no CheckRequest, or some field of it that was looked at cannot be read. */
function explain(request: Uint8Array, options: OfflineOptions): Explanation | null {
  try {
    return explainOffline(request, options);
  } catch (cause) {
    if (cause instanceof WireError) return null;
    throw cause;
  }
}

function optionsOf(snapshot: PolicySnapshot, settings: InspectorSettings, nowMs: number): OfflineOptions {
  const { limits, texts, askForProof } = settings;
  return { snapshot, limits, texts, askForProof: new AskForProof(askForProof), nowMs };
}

type PolicyExplanation = Explanation['policies'][number];
type RuleExplanation = PolicyExplanation['rules'][number];

/** `isPosted`: whoever asks has sent the request. */
function shown(explanation: Explanation, { authentications }: PolicySnapshot, isPosted: boolean): object {
  const proofHeaders = new Set(
    authentications.flatMap(({ providers }) =>
      providers.flatMap(({ locations }) => locations.headers.map(({ name }) => name)),
    ),
  );
  const { policies, truncated } = bounded(explanation.policies, proofHeaders);
  const { ruleId: _ruleId, headersSet, querySet, responseHeaders, body, ...rest } = explanation;
  return {
    ...rest,
    headersSet: masked(headersSet, proofHeaders),
    querySet: Object.fromEntries(querySet.map(([name]) => [name, REDACTED])),
    responseHeaders: masked(responseHeaders, proofHeaders),
    // A rule may have put anything of the request into it.
    body: isPosted || body === null ? body : REDACTED,
    policies,
    truncated,
  };
}

function bounded(
  all: readonly PolicyExplanation[],
  proofHeaders: ReadonlySet<string>,
): { readonly policies: readonly object[]; readonly truncated: boolean } {
  let misses = MAX_MISSES;
  let truncated = false;
  const policies: object[] = [];
  for (const { kind, policy, action, mode, rules } of all) {
    const told = rules.filter(({ matched }) => matched || misses-- > 0);
    const omittedRules = rules.length - told.length;
    truncated ||= omittedRules > 0;
    if (policies.length >= MAX_POLICIES && !told.some(({ matched }) => matched)) {
      truncated = true;
      continue;
    }
    policies.push({
      kind,
      policy,
      action,
      mode,
      rules: told.map((rule) => shownRule(rule, proofHeaders)),
      omittedRules,
    });
  }
  return { policies, truncated };
}

function shownRule({ rule, index, matched, firstFailed }: RuleExplanation, proofHeaders: ReadonlySet<string>): object {
  if (firstFailed === null) return { rule, index, matched, firstFailed };
  const { field, wanted, actual } = firstFailed;
  const key = whenKey(field);
  const secret = key !== null && isSecretKey(key, proofHeaders);
  const more = wanted.length > MAX_WANTED ? [`… and ${wanted.length - MAX_WANTED} more`] : [];
  return {
    rule,
    index,
    matched,
    firstFailed: {
      field,
      wanted: secret ? [REDACTED] : [...wanted.slice(0, MAX_WANTED), ...more],
      actual: secret ? REDACTED : /[aA]ths$/.test(field) ? redactTarget(cut(actual)) : withoutQueries(cut(actual)),
    },
  };
}

function masked(fields: readonly Field[], proofHeaders: ReadonlySet<string>): Record<string, string> {
  return Object.fromEntries(
    fields.map(([name, value]) => [
      name,
      isSecretName(name) || proofHeaders.has(name) ? REDACTED : withoutQueries(cut(value)),
    ]),
  );
}

/** A path, an address or whatever else has a query. */
function withoutQueries(text: string): string {
  return /\?|%3f|%23/i.test(text) ? redactTarget(text) : text;
}

function cut(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
}
