/** A peer's SETTINGS (RFC 9113 §6.5). */
import { ConnectionError } from './connection-error.ts';
import { ErrorCode, LARGEST_WINDOW, MAX_FRAME_BYTES, readUint32, Setting } from './frame.ts';
import { TABLE_BYTES } from './hpack/decoder.ts';

const SETTING_BYTES = 6;
const LARGEST_FRAME_SIZE = 2 ** 24 - 1;

export interface PeerSettings {
  /** null: not said. */
  initialWindow: number | null;
  /** Its decoder's table became smaller than what encoders start with. */
  smallerTable: boolean;
}

/** The values in the order in which they are given; the last of several counts. Throws {@link ConnectionError}. */
export function readSettings(bytes: Uint8Array, start: number, end: number): PeerSettings {
  if ((end - start) % SETTING_BYTES !== 0) throw new ConnectionError(ErrorCode.frameSizeError, 'SETTINGS cut off');
  const settings: PeerSettings = { initialWindow: null, smallerTable: false };
  for (let at = start; at < end; at += SETTING_BYTES) {
    const value = readUint32(bytes, at + 2);
    switch ((bytes[at]! << 8) | bytes[at + 1]!) {
      case Setting.headerTableSize:
        if (value < TABLE_BYTES) settings.smallerTable = true;
        break;
      case Setting.enablePush:
        if (value > 1) throw new ConnectionError(ErrorCode.protocolError, 'bad SETTINGS_ENABLE_PUSH');
        break;
      case Setting.initialWindowSize:
        if (value > LARGEST_WINDOW) {
          throw new ConnectionError(ErrorCode.flowControlError, 'bad SETTINGS_INITIAL_WINDOW_SIZE');
        }
        settings.initialWindow = value;
        break;
      case Setting.maxFrameSize:
        // We never send larger frames than the smallest of these bounds.
        if (value < MAX_FRAME_BYTES || value > LARGEST_FRAME_SIZE) {
          throw new ConnectionError(ErrorCode.protocolError, 'bad SETTINGS_MAX_FRAME_SIZE');
        }
        break;
      default:
        // §6.5.2: "MUST ignore" those that are unknown; the others bound what a server does not do.
        break;
    }
  }
  return settings;
}
