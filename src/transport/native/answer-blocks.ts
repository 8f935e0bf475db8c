/** The header blocks of answers (gRPC over HTTP/2, "Responses"). */
import { UNKNOWN_ENCODING } from './call-status.ts';
import type { Status } from './call-status.ts';
import { encodeFields } from './hpack/encoder.ts';

type Fields = readonly (readonly [name: string, value: string])[];

const RESPONSE: Fields = [
  [':status', '200'],
  ['content-type', 'application/grpc'],
];

/** Before the messages. */
export const RESPONSE_HEADERS = encodeFields(RESPONSE);
/** Behind them. */
export const OK_TRAILERS = encodeFields([['grpc-status', '0']]);

/** A longer one says nothing more to anybody. It also keeps a block within one frame. */
const MAX_STATUS_MESSAGE_BYTES = 1_024;

export function statusTrailers(status: Status): Uint8Array {
  return encodeFields(statusFields(status));
}

/** "Trailers-Only": a whole answer in one block. */
export function trailersOnly(status: Status): Uint8Array {
  return encodeFields([...RESPONSE, ...statusFields(status)]);
}

/** For what is no gRPC; with a body, which a person with curl may read. */
export function httpErrorHeaders(httpStatus: number): Uint8Array {
  return encodeFields([
    [':status', String(httpStatus)],
    ['content-type', 'text/plain'],
  ]);
}

export const HTTP_ERROR_BODY: Uint8Array = Buffer.from('this is a gRPC service\n', 'latin1');

function statusFields(status: Status): Fields {
  const fields: [string, string][] = [['grpc-status', String(status.code)]];
  if (status.message !== '') fields.push(['grpc-message', percentEncode(status.message)]);
  if (status === UNKNOWN_ENCODING) fields.push(['grpc-accept-encoding', 'identity,gzip']);
  return fields;
}

/** "Percent-Encoded → 1*(Percent-Byte-Unencoded / Percent-Byte-Encoded)": all but printable ASCII, and `%` itself. */
function percentEncode(message: string): string {
  let text = '';
  for (const byte of Buffer.from(message, 'utf8').subarray(0, MAX_STATUS_MESSAGE_BYTES)) {
    const plain = byte >= 0x20 && byte <= 0x7e && byte !== 0x25;
    text += plain ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return text;
}
