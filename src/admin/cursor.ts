/** Up to where an answer about decisions went, in each process, as a text that clients hand back as it is. */
import type { Cursor, CursorPlace, KeptPage } from './observe/questions.ts';
import { bad } from './query.ts';

/** As many processes as there can be. */
const MAX_PROCESSES = 256;
const PLACE = /^([0-9a-f]{12})\.([0-9a-z]{1,10})\.([0-9a-z]{1,10})$/;

/** @throws HttpError 400 */
export function parseCursor(text: string | null): Cursor {
  const places = new Map<string, CursorPlace>();
  if (text === null || text === '') return places;
  for (const part of text.split('~')) {
    const [, origin, seq, denials] = PLACE.exec(part) ?? [];
    if (origin === undefined || places.size >= MAX_PROCESSES) throw bad('`after` is the `cursor` of another answer');
    places.set(origin, { seq: parseInt(seq!, 36), denials: parseInt(denials!, 36) });
  }
  return places;
}

/** Who did not answer stays where it was. */
export function formatCursor(before: Cursor, pages: readonly KeptPage[]): string {
  const places = new Map([...before, ...pages.map(({ origin, place }) => [origin, place] as const)]);
  // Those that answered stand last: processes that are no more are forgotten first.
  for (const { origin, place } of pages) {
    places.delete(origin);
    places.set(origin, place);
  }
  return [...places]
    .slice(-MAX_PROCESSES)
    .map(([origin, { seq, denials }]) => `${origin}.${seq.toString(36)}.${denials.toString(36)}`)
    .join('~');
}
