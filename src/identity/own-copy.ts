/**
 * A byte string with bytes of its own. V8 makes a slice of a text, and often what is put together from slices, a
 * reference into the whole: one such that is kept keeps a header of 60 KiB, or a list of many MiB, for its few bytes.
 */
export function ownCopy(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}
