/**
 * The last net under the service log: fields whose name says secret are masked, texts are made
 * visible, whatever the caller put in. (Not the first one: nobody should log a request.)
 */
import { visibleText } from '../lib/visible-text.ts';

export const MASK = '[masked]';

const SECRET_NAME =
  /authorization|cookie|token|secret|passw|credential|api[-_]?key|private[-_]?key|^jwt$|^claims$|^headers$|^body$|^query$/i;

/** Log fields are small; what is deeper or longer than this is a request logged by mistake. */
const MAX_DEPTH = 6;
const MAX_ITEMS = 100;
const MAX_TEXT_LENGTH = 4096;

/** A copy of the fields of one log line that may be written. */
export function masked(fields: Record<string, unknown>): Record<string, unknown> {
  return maskRecord(fields, 0);
}

function maskRecord(record: object, depth: number): Record<string, unknown> {
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of Object.entries(record).slice(0, MAX_ITEMS)) {
    copy[visibleText(name)] = SECRET_NAME.test(name) ? MASK : maskValue(value, depth + 1);
  }
  return copy;
}

function maskValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') {
    return visibleText(value.length > MAX_TEXT_LENGTH ? `${value.slice(0, MAX_TEXT_LENGTH)}…` : value);
  }
  // Errors are for the serializer: their message and stack are not enumerable.
  if (typeof value !== 'object' || value === null || value instanceof Error) return value;
  if (depth >= MAX_DEPTH) return '…';
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => maskValue(item, depth + 1));
  if (value instanceof Date) return value;
  if (ArrayBuffer.isView(value)) return `(${value.byteLength} bytes)`;
  return maskRecord(value instanceof Map ? (Object.fromEntries(value) as object) : value, depth);
}
