/**
 * Asks the processes that answer checks no more than they can tell beside their work, however often the admin server is
 * asked: each answer about traffic or decisions costs them some milliseconds.
 */
import { RateLimit } from '../access/rate-limit.ts';
import { HttpError } from '../route.ts';
import type { Ask, Asked, Question, QuestionOf } from './questions.ts';

/** Consoles poll once a second, and several people may look. */
const DECISIONS = { burst: 20, perSecond: 10 } as const;
/** For so long an answer about traffic is that of now. */
const FRESH_MS = 250;

/** `now`: milliseconds of a clock that nobody sets. */
export function gentleAsk(ask: Ask, now: () => number = () => performance.now()): Ask {
  const rate = new RateLimit(DECISIONS, now);
  let known: { readonly atMs: number; readonly answer: Promise<unknown> } | null = null;
  return <Kind extends Question['kind']>(question: QuestionOf<Kind>): Promise<Asked<Kind>> => {
    const { kind } = question;
    if (kind === 'decisions' && !rate.take(kind))
      throw new HttpError(429, 'too-many-requests', 'decisions were asked for too often', { 'retry-after': '1' });
    if (kind !== 'traffic') return ask<Kind>(question);
    if (known !== null && now() - known.atMs < FRESH_MS) return known.answer as Promise<Asked<Kind>>;
    const answer = ask<Kind>(question);
    known = { atMs: now(), answer };
    return answer;
  };
}
