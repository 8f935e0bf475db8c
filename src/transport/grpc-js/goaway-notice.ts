/**
 * The first of the two GOAWAY frames of a graceful shutdown (RFC 9113 §6.8): "A server that is attempting to gracefully
 * shut down a connection SHOULD send an initial GOAWAY frame with the last stream identifier set to 2^31-1 and a
 * NO_ERROR code." The peer then opens no more streams, and those that it has opened are still served.
 */
const FRAME_HEADER_BYTES = 9;
const PAYLOAD_BYTES = 8;
const GOAWAY = 0x07;
const LARGEST_STREAM_ID = 0x7fffffff;

export const GOAWAY_NOTICE: Uint8Array = (() => {
  const frame = Buffer.alloc(FRAME_HEADER_BYTES + PAYLOAD_BYTES);
  frame.writeUIntBE(PAYLOAD_BYTES, 0, 3);
  frame.writeUInt8(GOAWAY, 3);
  // No flags, stream 0, and NO_ERROR after the stream identifier are all zeros.
  frame.writeUInt32BE(LARGEST_STREAM_ID, FRAME_HEADER_BYTES);
  return frame;
})();
