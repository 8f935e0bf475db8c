import { ConnectionError } from './connection-error.ts';
import { ErrorCode } from './frame.ts';

/** Where the payload ends. §6.1: padding as long as the payload or longer is a PROTOCOL_ERROR. */
export function withoutPadding(bytes: Buffer, start: number, end: number, fixedBytes: number): number {
  if (start === end) throw new ConnectionError(ErrorCode.frameSizeError, 'padded frame without a length');
  const to = end - bytes[start]!;
  if (to < start + 1 + fixedBytes) throw new ConnectionError(ErrorCode.protocolError, 'padding beyond the frame');
  return to;
}
