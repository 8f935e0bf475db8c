import { closest } from '../lib/closest.ts';

/** A hint for a mistyped word: the nearest known one, else the whole list. */
export function didYouMean(word: string, known: readonly string[], introduction: string): string {
  const near = closest(word, known);
  if (near !== null) return `did you mean \`${near}\`?`;
  return `${introduction} ${known.map((name) => `\`${name}\``).join(', ')}`;
}
