/**
 * The header block of a call, as a client writes it that uses HPACK's dynamic table (RFC 7541): the first one on a connection
 * brings the fields into the table, those after it are an index for each field. So do Envoy and gRPC clients.
 */
import { STATIC_TABLE } from '../../src/transport/native/hpack/static-table.ts';
import { readRecorded } from './recorded/read.ts';

export type Fields = readonly (readonly [name: string, value: string])[];

/** §4.1: what an entry counts beside its name and value. */
const OVERHEAD_BYTES = 32;
/** SETTINGS_HEADER_TABLE_SIZE before anybody says otherwise, and the largest table that is used. */
const TABLE_BYTES = 4_096;

/** Those that Envoy sent with the recorded requests. */
export function envoyFields(): Fields {
  return readRecorded().shapes.recommended.fields;
}

export class CallHeaders {
  readonly #fields: Fields;
  #next: Buffer;
  #repeated: Buffer;

  constructor(fields: Fields) {
    this.#fields = fields;
    this.#next = first(fields);
    this.#repeated = repeated(fields);
  }

  /** For the next call. */
  next(): Buffer {
    const block = this.#next;
    this.#next = this.#repeated;
    return block;
  }

  /** The peer keeps a table of another size. §4.2: a change is told at the beginning of the next block. */
  resize(tableBytes: number): void {
    const bytes = Math.min(tableBytes, TABLE_BYTES);
    const needed = this.#fields
      .filter(([name, value]) => wholeIndex(name, value) === 0)
      .reduce((sum, [name, value]) => sum + name.length + value.length + OVERHEAD_BYTES, 0);
    const fits = needed <= bytes;
    this.#repeated = fits ? repeated(this.#fields) : withoutTable(this.#fields);
    // Whatever was in the table is gone when it has been empty.
    this.#next = Buffer.concat([
      integer(0x20, 0x1f, 0),
      ...(fits ? [integer(0x20, 0x1f, bytes), first(this.#fields)] : [this.#repeated]),
    ]);
  }
}

/** §6.2.1: literals that go into the table. */
function first(fields: Fields): Buffer {
  return Buffer.concat(fields.map(([name, value]) => field(name, value, 0x40, 0x3f)));
}

/** §6.2.2: literals that do not. */
function withoutTable(fields: Fields): Buffer {
  return Buffer.concat(fields.map(([name, value]) => field(name, value, 0x00, 0x0f)));
}

/** §2.3.3: what went into the table last has the lowest index. */
function repeated(fields: Fields): Buffer {
  const added = fields.filter(([name, value]) => wholeIndex(name, value) === 0);
  return Buffer.concat(
    fields.map((each) => {
      const [name, value] = each;
      const index = wholeIndex(name, value);
      return integer(0x80, 0x7f, index > 0 ? index : STATIC_TABLE.length + added.length - added.indexOf(each));
    }),
  );
}

function field(name: string, value: string, pattern: number, prefix: number): Buffer {
  const whole = wholeIndex(name, value);
  if (whole > 0) return integer(0x80, 0x7f, whole);
  const named = STATIC_TABLE.findIndex((entry) => entry.name === name) + 1;
  return Buffer.concat([integer(pattern, prefix, named), ...(named === 0 ? [text(name)] : []), text(value)]);
}

function wholeIndex(name: string, value: string): number {
  return STATIC_TABLE.findIndex((entry) => entry.name === name && entry.value === value) + 1;
}

function text(value: string): Buffer {
  return Buffer.concat([integer(0x00, 0x7f, value.length), Buffer.from(value, 'latin1')]);
}

/** §5.1. */
function integer(pattern: number, prefix: number, value: number): Buffer {
  if (value < prefix) return Buffer.of(pattern | value);
  const octets = [pattern | prefix];
  let rest = value - prefix;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) octets.push((rest % 0x80) | 0x80);
  octets.push(rest);
  return Buffer.from(octets);
}
