/**
 * Texts of an answer, made safe to read: what cannot be seen is spelled out, so that nothing that a caller writes can reorder or
 * hide what stands beside it. The service does so too where it knows that a text is for people; done twice it is done once.
 */

/** C0 and C1 controls, DEL, line and paragraph separators, direction marks, zero-width characters, lone surrogates. */
const UNSEEN =
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]|\p{Surrogate}/gu;

function visibleText(text: string): string {
  return text.replace(UNSEEN, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code <= 0xff ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`;
  });
}

/** The same value of JSON, each text in it visible, names of objects too. */
export function visible(value: unknown): unknown {
  if (typeof value === 'string') return visibleText(value);
  if (Array.isArray(value)) return value.map(visible);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [visibleText(name), visible(each)]));
}
