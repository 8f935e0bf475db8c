import type { ApiSources } from '../api.ts';
import { parseJson } from '../body.ts';
import { HttpError, jsonResponse } from '../route.ts';
import type { AdminResponse, RouteHandler } from '../route.ts';
import { checkNames } from '../query.ts';
import { decisionId, NOT_KEPT } from './decisions.ts';

/** More than Envoy's headers and a certificate; bodies are looked at by no rule. */
export const MAX_EXPLAIN_BYTES = 1024 * 1024;
/** `{"decisionId": "…"}`: longer ones are requests, which are read elsewhere, and not between two checks. */
const MAX_REFERENCE_BYTES = 1024;

export function explain(sources: ApiSources): RouteHandler {
  return ({ body, query }) => {
    checkNames(query, []);
    const id = body.length <= MAX_REFERENCE_BYTES ? referenceIn(body) : null;
    return id === null
      ? sources.inspector.run({ kind: 'explainPosted', body, nowMs: Date.now() })
      : explainDecision(sources, id);
  };
}

/** null: it is no reference to a decision. */
function referenceIn(body: Uint8Array): string | null {
  const value = parseJson(body);
  if (typeof value !== 'object' || value === null || !('decisionId' in value)) return null;
  if (Object.keys(value).length > 1) throw new HttpError(400, 'bad-body', '`decisionId` has to be the only key');
  return decisionId(value.decisionId);
}

async function explainDecision({ ask, inspector }: ApiSources, id: string): Promise<AdminResponse> {
  const { answers } = await ask({ kind: 'recall', id });
  const recalled = answers.find((each) => each !== null);
  if (recalled == null) throw new HttpError(404, 'no-such-decision', NOT_KEPT);
  const { shown, timeMs, revision, request, proven, why } = recalled;
  if (request !== null) return inspector.run({ kind: 'explainKept', shown, request, proven, revision, nowMs: timeMs });
  return jsonResponse(200, {
    decided: shown,
    policiesOfDecision: true,
    revision,
    at: new Date(timeMs).toISOString(),
    notes: [`It cannot be explained: ${why ?? 'the request is not kept'}.`],
    explanation: null,
  });
}
