/** The numbers of RFC 9113: frame types (§6), flags, error codes (§7), settings (§6.5.2), and the frame header (§4.1). */

export const FRAME_HEADER_BYTES = 9;

/**
 * Largest payload that is taken: the value that SETTINGS_MAX_FRAME_SIZE starts with, and that every peer has to take.
 * It bounds what one unfinished frame holds, so it is never raised.
 */
export const MAX_FRAME_BYTES = 16_384;

/** Streams are numbered with 31 bits (§5.1.1). */
export const LARGEST_STREAM_ID = 0x7fffffff;

/** §6.9.1: "A sender MUST NOT allow a flow-control window to exceed 2^31-1 octets." */
export const LARGEST_WINDOW = 0x7fffffff;

/** §6.9.2: every window is this wide before anybody says otherwise. */
export const INITIAL_WINDOW_BYTES = 65_535;

/** §3.4. */
export const CLIENT_PREFACE: Uint8Array = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1');

export const FrameType = {
  data: 0x00,
  headers: 0x01,
  priority: 0x02,
  rstStream: 0x03,
  settings: 0x04,
  pushPromise: 0x05,
  ping: 0x06,
  goaway: 0x07,
  windowUpdate: 0x08,
  continuation: 0x09,
} as const;

export const Flag = {
  /** DATA and HEADERS. */
  endStream: 0x01,
  /** SETTINGS and PING. */
  ack: 0x01,
  endHeaders: 0x04,
  padded: 0x08,
  priority: 0x20,
} as const;

export const ErrorCode = {
  noError: 0x00,
  protocolError: 0x01,
  internalError: 0x02,
  flowControlError: 0x03,
  settingsTimeout: 0x04,
  streamClosed: 0x05,
  frameSizeError: 0x06,
  refusedStream: 0x07,
  cancel: 0x08,
  compressionError: 0x09,
  enhanceYourCalm: 0x0b,
} as const;

export type ErrorCode = (typeof ErrorCode)[keyof typeof ErrorCode];

export const Setting = {
  headerTableSize: 0x01,
  enablePush: 0x02,
  maxConcurrentStreams: 0x03,
  initialWindowSize: 0x04,
  maxFrameSize: 0x05,
  maxHeaderListSize: 0x06,
} as const;

/** An unsigned 32-bit number in network order. */
export function readUint32(bytes: Uint8Array, at: number): number {
  return (bytes[at]! * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!)) >>> 0;
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Returns where the payload begins. */
export function writeFrameHeader(
  bytes: Uint8Array,
  at: number,
  payloadBytes: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  bytes[at] = payloadBytes >>> 16;
  bytes[at + 1] = payloadBytes >>> 8;
  bytes[at + 2] = payloadBytes;
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  writeUint32(bytes, at + 5, streamId);
  return at + FRAME_HEADER_BYTES;
}
