import type { ConnectionFault } from '../counts.ts';
import { ErrorCode } from './frame.ts';

const FAULTS: ReadonlyMap<ErrorCode, ConnectionFault> = new Map([
  [ErrorCode.flowControlError, 'flow_control'],
  [ErrorCode.compressionError, 'compression'],
  [ErrorCode.enhanceYourCalm, 'flood'],
  [ErrorCode.settingsTimeout, 'settings_timeout'],
  [ErrorCode.internalError, 'internal'],
]);

/** What ends a whole connection (RFC 9113 §5.4.1). The message is for the log; the peer gets the code. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError';
  readonly code: ErrorCode;
  readonly fault: ConnectionFault;

  constructor(code: ErrorCode, message: string, fault: ConnectionFault = FAULTS.get(code) ?? 'protocol') {
    super(message);
    this.code = code;
    this.fault = fault;
  }
}
