/**
 * Fields to header blocks, without the dynamic table: every block means the same whatever went before it, so those of equal answers
 * are equal bytes.
 */
import { STATIC_TABLE } from './static-table.ts';

/** RFC 7541 §6.3: our table has size 0, which a peer that has lowered its bound must be told (§4.2). */
export const EMPTY_TABLE: Uint8Array = Uint8Array.of(0x20);

/** Values are latin1 of their bytes, as everywhere. */
export function encodeFields(fields: readonly (readonly [name: string, value: string])[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [name, value] of fields) {
    const whole = STATIC_TABLE.findIndex((field) => field.name === name && field.value === value) + 1;
    if (whole > 0) {
      parts.push(encodeInteger(0x80, 0x7f, whole));
      continue;
    }
    const named = STATIC_TABLE.findIndex((field) => field.name === name) + 1;
    // §6.2.2 Literal Header Field without Indexing.
    parts.push(encodeInteger(0x00, 0x0f, named));
    if (named === 0) parts.push(...encodeString(name));
    parts.push(...encodeString(value));
  }
  return Uint8Array.from(Buffer.concat(parts));
}

function encodeString(text: string): Uint8Array[] {
  return [encodeInteger(0x00, 0x7f, text.length), Buffer.from(text, 'latin1')];
}

/** §5.1. */
function encodeInteger(pattern: number, prefix: number, value: number): Uint8Array {
  if (value < prefix) return Uint8Array.of(pattern | value);
  const octets = [pattern | prefix];
  let rest = value - prefix;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) | 0x80);
  octets.push(rest);
  return Uint8Array.from(octets);
}
