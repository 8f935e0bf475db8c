/**
 * CheckRequests in bulk: encoded once, and then written anew for each request in the places that differ in every
 * request. Building a million messages costs more than answering them.
 */
import { checkRequest } from '../../test/extauthz/support/engine.ts';
import type { Ask } from '../../test/extauthz/support/engine.ts';
import type { Random } from './random.ts';

/** Put where an id is to be that differs in every request, as many times as wanted. As long as a UUID. */
export const FRESH_ID = 'fresh-id-fresh-id-fresh-id-fresh-id-';

const REQUEST_ID = 'request-id-request-id-request-id-req';
const SOURCE_ADDRESS = '10.123.231.132';

export interface Message {
  /** The same bytes each time, rewritten: valid until the next call. */
  next(random: Random): Buffer;
}

/** A request that has an id and a source port of its own each time, and a UUID wherever it says {@link FRESH_ID}. */
export function message(ask: Ask): Message {
  const sourceIp = ask.sourceIp ?? SOURCE_ADDRESS;
  const bytes = checkRequest({ ...ask, sourceIp, headers: { ...ask.headers, 'x-request-id': REQUEST_ID } });
  const ids = [...placesOf(bytes, REQUEST_ID), ...placesOf(bytes, FRESH_ID)];
  const port = placeOfPort(bytes, sourceIp);
  return {
    next(random) {
      for (const at of ids) writeId(bytes, at, random);
      // 128 to 16,383: those are two bytes as a varint, like the port that stands there.
      const value = 128 + random.int(16_384 - 128);
      bytes[port] = (value & 0x7f) | 0x80;
      bytes[port + 1] = value >>> 7;
      return bytes;
    },
  };
}

function placesOf(bytes: Buffer, text: string): number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text, 0, 'latin1'); at >= 0; at = bytes.indexOf(text, at + 1, 'latin1')) places.push(at);
  return places;
}

/** SocketAddress.port_value (3) stands behind the address (2). */
function placeOfPort(bytes: Buffer, address: string): number {
  const tag = bytes.indexOf(address, 0, 'latin1') + address.length;
  // `checkRequest` gives every source the port 4711: two bytes.
  if (bytes[tag] !== 0x18 || bytes[tag + 1] !== 0xe7 || bytes[tag + 2] !== 0x24)
    throw new Error('the source port is not where it was expected');
  return tag + 1;
}

const HEX = '0123456789abcdef';

/** A random UUID in lower case (its version is not looked at by anybody). */
function writeId(bytes: Buffer, at: number, random: Random): void {
  for (let i = 0; i < FRESH_ID.length;) {
    if (i === 8 || i === 13 || i === 18 || i === 23) {
      bytes[at + i++] = 0x2d;
      continue;
    }
    // Eight digits of one draw.
    let drawn = random.int(2 ** 32);
    for (let n = 0; n < 8 && i < FRESH_ID.length && i !== 8 && i !== 13 && i !== 18 && i !== 23; n++, i++) {
      bytes[at + i] = HEX.charCodeAt(drawn & 15);
      drawn >>>= 4;
    }
  }
}
