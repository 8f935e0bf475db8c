import type { HeaderLines } from '../../attributes/header-lines.ts';

/**
 * All values of a cookie, in order, as Envoy takes the header apart (source/common/http/utility.cc, forEachCookie):
 * split at `;`, spaces before the name dropped, one pair of double quotes around the value too.
 *
 * null: the lines may have been joined with a comma at a place that decides what the value is.
 */
export function cookieValues(header: HeaderLines, name: string): readonly string[] | null {
  const values: string[] = [];
  for (const line of header.form === 'exact' ? header.lines : [header.value]) {
    for (const part of line.split(';')) {
      if (header.form === 'joined' && part.includes(',')) {
        // A comma in some other cookie changes nothing; one that may begin or end this cookie does.
        if (part.split(',').some((piece) => valueOf(piece, name) !== null)) return null;
        continue;
      }
      const value = valueOf(part, name);
      if (value !== null) values.push(value);
    }
  }
  return values;
}

function valueOf(part: string, name: string): string | null {
  const equal = part.indexOf('=');
  if (equal < 0 || trimStart(part.slice(0, equal)) !== name) return null;
  const value = part.slice(equal + 1);
  return value.length >= 2 && value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value;
}

function trimStart(text: string): string {
  let at = 0;
  while (text[at] === ' ') at++;
  return text.slice(at);
}
