import type { ApiSources } from '../api.ts';
import { formatCursor, parseCursor } from '../cursor.ts';
import { bad, checkNames, choiceOf, limitOf, textOf } from '../query.ts';
import { HttpError, jsonResponse } from '../route.ts';
import type { RouteHandler } from '../route.ts';

const MAX_CURSOR_CHARACTERS = 6144;
const MAX_REASON_CHARACTERS = 64;

export function decisions({ ask }: ApiSources): RouteHandler {
  return async ({ query }) => {
    checkNames(query, ['after', 'limit', 'decision', 'reason', 'policy']);
    const since = parseCursor(textOf(query, 'after', MAX_CURSOR_CHARACTERS));
    const limit = limitOf(query);
    const filter = {
      decision: choiceOf(query, 'decision', ['allow', 'deny']),
      reason: textOf(query, 'reason', MAX_REASON_CHARACTERS),
      policy: textOf(query, 'policy'),
    };
    const { answers, asked } = await ask({ kind: 'decisions', since, filter, limit });
    const pages = answers.filter((each) => each !== null);
    const found = pages.flatMap((page) => page.decisions);
    found.sort((a, b) => (a.time < b.time ? 1 : a.time > b.time ? -1 : 0));
    const cut = found.slice(limit).filter((each) => each['decision'] === 'deny').length;
    return jsonResponse(200, {
      at: new Date().toISOString(),
      processes: { asked, answered: answers.length },
      decisions: found.slice(0, limit),
      cursor: formatCursor(since, pages),
      missed: cut + pages.reduce((sum, { missed }) => sum + missed, 0),
    });
  };
}

export function decision({ ask }: ApiSources): RouteHandler {
  return async ({ parameter, query }) => {
    checkNames(query, []);
    const { answers } = await ask({ kind: 'decision', id: decisionId(parameter) });
    const found = answers.find((each) => each !== null);
    if (found == null) throw new HttpError(404, 'no-such-decision', NOT_KEPT);
    return jsonResponse(200, found);
  };
}

export const NOT_KEPT = 'no decision of this id is kept (any more)';

/** @throws {@link HttpError} 400 */
export function decisionId(text: unknown): string {
  if (typeof text !== 'string' || !/^[0-9a-z-]{1,64}$/.test(text)) throw bad('that is no id of a decision');
  return text;
}
