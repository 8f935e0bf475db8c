import fc from 'fast-check';
import { STATIC_TABLE } from '../../../../src/transport/native/hpack/static-table.ts';

/** RFC 7541 §2.3.2 and §4, written for the eye: the newest first in a plain list. */
export class ReferenceTable {
  #entries: [name: string, value: string][] = [];
  #maxBytes = 4_096;

  get all(): readonly (readonly [name: string, value: string])[] {
    return [...STATIC_TABLE.map(({ name, value }): [string, string] => [name, value]), ...this.#entries];
  }

  add(name: string, value: string): void {
    this.#entries.unshift([name, value]);
    this.#evict();
  }

  resize(bytes: number): void {
    this.#maxBytes = bytes;
    this.#evict();
  }

  #evict(): void {
    const size = (): number => this.#entries.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0);
    while (size() > this.#maxBytes) this.#entries.pop();
  }
}

export interface BlockPlan {
  readonly sizes: readonly number[];
  readonly fields: readonly {
    readonly form: 'indexed' | 'add' | 'without' | 'never';
    readonly entry: number;
    readonly named: boolean;
    readonly name: string;
    readonly value: string;
  }[];
}

const latin1 = fc.string({
  unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  maxLength: 60,
});

/** A header block as a list of choices, made into bytes only when the state of the table is known. */
export const someBlock: fc.Arbitrary<BlockPlan> = fc.record({
  sizes: fc.oneof(
    { weight: 5, arbitrary: fc.constant([]) },
    fc.array(fc.integer({ min: 0, max: 4_096 }), { maxLength: 2 }),
  ),
  fields: fc.array(
    fc.record({
      form: fc.constantFrom('indexed', 'add', 'add', 'without', 'never'),
      entry: fc.nat(),
      named: fc.boolean(),
      name: latin1,
      value: fc.oneof(
        latin1,
        fc.integer({ min: 0, max: 3_000 }).map((length) => 'v'.repeat(length)),
      ),
    }),
    { maxLength: 8 },
  ),
});

const PATTERNS = { indexed: [0x80, 7], add: [0x40, 6], without: [0x00, 4], never: [0x10, 4] } as const;

/** The bytes of a block, and the fields that they mean. */
export function blockOf(plan: BlockPlan, table: ReferenceTable): { bytes: Buffer; fields: [string, string][] } {
  const parts: Buffer[] = [];
  const fields: [string, string][] = [];
  for (const size of plan.sizes) {
    parts.push(integer(0x20, 5, size));
    table.resize(size);
  }
  for (const { form, entry, named, name, value } of plan.fields) {
    const known = table.all;
    const index = entry % known.length;
    const [pattern, bits] = PATTERNS[form];
    if (form === 'indexed') {
      parts.push(integer(pattern, bits, index + 1));
      fields.push([...known[index]!]);
      continue;
    }
    const fieldName = named ? known[index]![0] : name;
    parts.push(integer(pattern, bits, named ? index + 1 : 0));
    if (!named) parts.push(text(name));
    parts.push(text(value));
    fields.push([fieldName, value]);
    if (form === 'add') table.add(fieldName, value);
  }
  return { bytes: Buffer.concat(parts), fields };
}

function text(value: string): Buffer {
  return Buffer.concat([integer(0, 7, value.length), Buffer.from(value, 'latin1')]);
}

function integer(pattern: number, bits: number, value: number): Buffer {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.of(pattern | value);
  const octets = [pattern | most];
  let rest = value - most;
  while (rest >= 128) {
    octets.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...octets, rest]);
}
