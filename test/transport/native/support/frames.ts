import { encodeFields } from '../../../../src/transport/native/hpack/encoder.ts';
import { FRAME_HEADER_BYTES, writeFrameHeader } from '../../../../src/transport/native/frame.ts';

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const DATA = 0;
export const HEADERS = 1;
export const PRIORITY = 2;
export const RST_STREAM = 3;
export const SETTINGS = 4;
export const PING = 6;
export const GOAWAY = 7;
export const WINDOW_UPDATE = 8;
export const CONTINUATION = 9;

export const END_STREAM = 0x01;
export const ACK = 0x01;
export const END_HEADERS = 0x04;
export const PADDED = 0x08;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  bytes.set(payload, writeFrameHeader(bytes, 0, payload.length, type, flags, streamId));
  return bytes;
}

export function uint32(...values: number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length);
  values.forEach((value, i) => bytes.writeUInt32BE(value, 4 * i));
  return bytes;
}

export function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

/** The header block of an ordinary call, with fields added or replaced; null leaves one out. */
export function requestBlock(path: string, changes: Readonly<Record<string, string | null>> = {}): Uint8Array {
  const fields: Record<string, string | null> = {
    ':method': 'POST',
    ':scheme': 'http',
    ':path': path,
    ':authority': 'localhost',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...changes,
  };
  return encodeFields(Object.entries(fields).filter((entry): entry is [string, string] => entry[1] !== null));
}

export function headers(streamId: number, block: Uint8Array, flags = END_HEADERS): Buffer {
  return frame(HEADERS, flags, streamId, block);
}

/** Length-Prefixed-Message. */
export function message(content: Uint8Array, compressed = 0): Buffer {
  return Buffer.concat([Buffer.of(compressed), uint32(content.length), content]);
}

/** A whole ordinary call. */
export function call(streamId: number, path: string, content: Uint8Array = Buffer.alloc(0)): Buffer {
  return Buffer.concat([headers(streamId, requestBlock(path)), frame(DATA, END_STREAM, streamId, message(content))]);
}
