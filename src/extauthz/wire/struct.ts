/** google.protobuf.Struct, read and written. */
import type { Claim, ClaimMap } from '../../attributes/claim.ts';
import { isClaimList } from '../../attributes/claim.ts';
import { WireError } from './reader.ts';
import type { WireReader } from './reader.ts';
import type { WireWriter } from './writer.ts';

/** Deeper values than this no token has; a bound so that no input can exhaust the stack. */
const MAX_DEPTH = 32;

export function readStruct(reader: WireReader, depth = 0): ClaimMap {
  if (depth > MAX_DEPTH) throw new WireError('struct too deep');
  const fields = new Map<string, Claim>();
  while (reader.next()) {
    if (reader.field !== 1) {
      reader.skip();
      continue;
    }
    const entry = reader.message();
    let key = '';
    let value: Claim = null;
    while (entry.next()) {
      if (entry.field === 1) key = entry.text();
      else if (entry.field === 2) value = readValue(entry.message(), depth + 1);
      else entry.skip();
    }
    fields.set(key, value);
  }
  return fields;
}

function readValue(reader: WireReader, depth: number): Claim {
  if (depth > MAX_DEPTH) throw new WireError('struct too deep');
  let value: Claim = null;
  while (reader.next()) {
    switch (reader.field) {
      case 1:
        reader.number();
        value = null;
        break;
      case 2:
        value = reader.double();
        break;
      case 3:
        value = reader.text();
        break;
      case 4:
        value = reader.number() !== 0;
        break;
      case 5:
        value = readStruct(reader.message(), depth + 1);
        break;
      case 6:
        value = readList(reader.message(), depth + 1);
        break;
      default:
        reader.skip();
    }
  }
  return value;
}

function readList(reader: WireReader, depth: number): Claim[] {
  const items: Claim[] = [];
  while (reader.next()) {
    if (reader.field === 1) items.push(readValue(reader.message(), depth + 1));
    else reader.skip();
  }
  return items;
}

export function writeStruct(writer: WireWriter, fields: ClaimMap): void {
  for (const [key, value] of fields)
    writer.message(1, (entry) => entry.text(1, key).message(2, (inner) => writeValue(inner, value)));
}

function writeValue(writer: WireWriter, value: Claim): void {
  if (value === null) writer.number(1, 0);
  else if (typeof value === 'number') writer.double(2, value);
  else if (typeof value === 'string') writer.text(3, value);
  else if (typeof value === 'boolean') writer.bool(4, value);
  else if (isClaimList(value))
    writer.message(6, (list) => {
      for (const item of value) list.message(1, (inner) => writeValue(inner, item));
    });
  else writer.message(5, (struct) => writeStruct(struct, value));
}
